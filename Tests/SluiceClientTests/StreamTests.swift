import SluiceClient
import SluiceWire
import Synchronization
import Testing

@Suite("Streamed calls", .timeLimit(.minutes(1)))
struct StreamTests {
    private static let path = "/v1/chat/completions"
    private static let body = Array(#"{"model":"m"}"#.utf8)

    @Test("chunks come untouched and in order; the end follows")
    func complete() async throws {
        let chunks = [#"{"a":1e400}"#, #"{ "b":"é" }"#, "{}"]
        let agent = try await FakeAgent { arrival in
            guard let call = arrival.call else { return }
            arrival.peer.send { writer in
                for (seq, chunk) in chunks.enumerated() { writer.chunk(call.id, seq, chunk) }
                writer.result(id: call.id, .ok, finish: .complete, error: nil)
            }
        }
        let client = SluiceClient(socket: agent.path)
        let stream = try await client.stream(Self.path, json: Self.body)
        #expect(stream.end == nil)
        var seen: [String] = []
        for try await chunk in stream { seen.append(String(decoding: chunk, as: UTF8.self)) }
        #expect(seen == chunks)
        #expect(stream.end?.finish == .complete)
        #expect(stream.end?.facts.usage?.outputTokens == 3)
        #expect(await agent.next()?.body == Array(#"{"stream":true,"model":"m"}"#.utf8))
    }

    @Test(
        "\"stream\": true is added where it is missing, and only there",
        arguments: [
            ("{}", #"{"stream":true}"#), (" { } ", #"{"stream":true }"#),
            (#"{ "stream" : true }"#, #"{ "stream" : true }"#),
        ])
    func flag(_ body: String, _ sent: String) async throws {
        let agent = try await FakeAgent { arrival in
            guard let call = arrival.call else { return }
            arrival.peer.send { $0.result(id: call.id, .ok, finish: .complete, error: nil) }
        }
        let client = SluiceClient(socket: agent.path)
        for try await _ in try await client.stream(Self.path, json: Array(body.utf8)) {}
        #expect(await agent.next()?.body == Array(sent.utf8))
    }

    @Test("a stream that is not complete throws, and its end is still told")
    func truncated() async throws {
        let agent = try await FakeAgent { arrival in
            guard let call = arrival.call else { return }
            arrival.peer.send { writer in
                writer.chunk(call.id, 0, "{}")
                let error = WireError(.providerConnectionLost, "cut", charged: .estimated)
                writer.result(id: call.id, .ok, finish: .truncated, error: error)
            }
        }
        let stream = try await SluiceClient(socket: agent.path).stream(Self.path, json: Self.body)
        var count = 0
        let error = await #expect(throws: SluiceError.self) { for try await _ in stream { count += 1 } }
        #expect(error?.code == .providerConnectionLost)
        #expect(count == 1)
        #expect(stream.end?.finish == .truncated)
    }

    @Test("a consumer gets only what it has credit for, and all of it in the end")
    func backPressure() async throws {
        let credit = 1000
        let chunk = #"{"pad":"\#(String(repeating: "x", count: 90))"}"#
        let total = 100
        let source = CreditedSource(credit: credit, chunk: chunk, total: total)
        let agent = try await FakeAgent(greeting: .make(streamCredit: credit)) { source.handle($0) }
        let stream = try await SluiceClient(socket: agent.path).stream(Self.path, json: Self.body)
        var count = 0
        for try await received in stream {
            count += 1
            #expect(received.count == chunk.utf8.count)
            // What the agent may have sent: the first credit, what was consumed, and one chunk over.
            #expect(source.sentBytes <= credit + (count + 1) * received.count)
        }
        #expect(count == total)
        #expect(source.grants > 1)
    }

    @Test("leaving the loop cancels the call")
    func abandoned() async throws {
        let agent = try await FakeAgent { arrival in
            guard let call = arrival.call else { return }
            arrival.peer.send { $0.chunk(call.id, 0, "{}") }
        }
        let client = SluiceClient(socket: agent.path)
        do {
            let stream = try await client.stream(Self.path, json: Self.body)
            for try await _ in stream { break }
        }
        let id = try #require(await agent.next()?.call?.id)
        #expect(await agent.next()?.frame == .cancel(id: id))
    }
}

/// Sends a stream's chunks while there is credit, as the protocol says.
private final class CreditedSource: Sendable {
    private struct State {
        var credit: Int
        var sent = 0
        var grants = 0
        var id = ""
    }

    private let state: Mutex<State>
    private let chunk: String
    private let total: Int

    init(credit: Int, chunk: String, total: Int) {
        state = Mutex(State(credit: credit))
        self.chunk = chunk
        self.total = total
    }

    var sentBytes: Int { state.withLock { $0.sent * chunk.utf8.count } }
    var grants: Int { state.withLock { $0.grants } }

    func handle(_ arrival: FakeAgent.Arrival) {
        state.withLock { state in
            switch arrival.frame {
            case .call(let call): state.id = call.id
            case .grant(_, let bytes):
                state.credit += bytes
                state.grants += 1
            default: return
            }
            while state.credit > 0, state.sent < total {
                arrival.peer.send { $0.chunk(state.id, state.sent, chunk) }
                state.credit -= chunk.utf8.count
                state.sent += 1
                guard state.sent == total else { continue }
                arrival.peer.send { $0.result(id: state.id, .ok, finish: .complete, error: nil) }
            }
        }
    }
}
