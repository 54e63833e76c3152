import SluiceClient
import SluiceWire
import Testing

@Suite("Plain calls", .timeLimit(.minutes(1)))
struct CallTests {
    private static let path = "/v1/chat/completions"

    @Test("the body goes out and the answer comes back byte for byte, with its facts")
    func roundTrip() async throws {
        let reply = #"{"x":1e400,"n":12345678901234567890,"é":"\ud83d\ude00","x":[ ]}"#
        let agent = try await FakeAgent { arrival in
            guard let call = arrival.call else { return }
            arrival.peer.send { $0.result(call.id, reply) }
        }
        let body = Array(#"{"model":"gpt-4o-mini", "t":1E400,"model":"é","stream":false}"#.utf8)
        let options = CallOptions(tenant: "acme", feature: "reply", lane: .batch, deadline: .milliseconds(1500))
        let client = SluiceClient(socket: agent.path, name: "test/1")
        let answer = try await client.call(Self.path, json: body, options: options)

        #expect(answer.body == Array(reply.utf8))
        #expect(answer.status == 200)
        #expect(answer.facts.usage?.inputTokens == 7)
        #expect(answer.facts.usage?.cachedTokens == 2)
        #expect(answer.facts.usage?.reasoningTokens == nil)
        #expect(answer.facts.charged == .exact)
        #expect(answer.facts.requestID == "req_1")
        #expect(answer.facts.timing.total == .milliseconds(3))
        let arrival = try #require(await agent.next())
        #expect(arrival.body == body)
        #expect(arrival.call?.tenant == "acme")
        #expect(arrival.call?.feature == "reply")
        #expect(arrival.call?.lane == .batch)
        #expect(arrival.call?.deadlineMS == 1500)
        #expect(arrival.call?.progress == false)
    }

    @Test("a body of any Encodable type, and a GET without one")
    func encodable() async throws {
        let agent = try await FakeAgent { arrival in
            guard let call = arrival.call else { return }
            arrival.peer.send { $0.result(call.id, #"{"object":"list"}"#) }
        }
        let client = SluiceClient(socket: agent.path)
        _ = try await client.call("/v1/embeddings", body: ["input": "a/b"])
        let answer = try await client.call("/v1/models")
        #expect(try answer.decode([String: String].self) == ["object": "list"])
        #expect(await agent.next()?.body == Array(#"{"input":"a/b"}"#.utf8))
        let get = await agent.next()
        #expect(get?.call?.method == .get)
        #expect(get?.call?.path == "/v1/models")
    }

    @Test("a hundred calls share one connection and are answered in reverse")
    func outOfOrder() async throws {
        let held = Held(100)
        let agent = try await FakeAgent { arrival in
            guard let all = held.add(arrival) else { return }
            for arrival in all.reversed() {
                let body = String(decoding: arrival.body ?? [], as: UTF8.self)
                arrival.peer.send { $0.result(arrival.call?.id ?? "", body) }
            }
        }
        let client = SluiceClient(socket: agent.path)
        let answers = try await withThrowingTaskGroup(of: (Int, [String: Int]).self) { group in
            for number in 0..<100 {
                group.addTask {
                    (number, try await client.call(Self.path, body: ["n": number]).decode([String: Int].self))
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count == 100)
        #expect(answers.allSatisfy { $0.1 == ["n": $0.0] })
        #expect(held.peers == [1])
    }

    @Test("every field of an error reaches the program")
    func error() async throws {
        let agent = try await FakeAgent { arrival in
            guard let call = arrival.call else { return }
            let error = WireError(
                .providerRateLimited, "wait", retryAfterMS: 1200, limit: "tokens_per_minute", field: "body.model",
                attempts: 2, charged: .estimated, status: 429, upstream: Array(#"{"code":"x"}"#.utf8))
            arrival.peer.send { $0.error(id: call.id, error) }
        }
        let error = await #expect(throws: SluiceError.self) {
            try await SluiceClient(socket: agent.path).call(Self.path, json: Array("{}".utf8))
        }
        #expect(error?.code == .providerRateLimited)
        #expect(error?.family == .provider)
        #expect(error?.retryable == true)
        #expect(error?.retryAfter == .milliseconds(1200))
        #expect(error?.limit == "tokens_per_minute")
        #expect(error?.field == "body.model")
        #expect(error?.attempts == 2)
        #expect(error?.charged == .estimated)
        #expect(error?.status == 429)
        #expect(error?.upstream == Array(#"{"code":"x"}"#.utf8))
    }

    @Test("progress is asked for and told only when somebody listens")
    func progress() async throws {
        let agent = try await FakeAgent { arrival in
            guard let call = arrival.call else { return }
            arrival.peer.send { writer in
                writer.queued(id: call.id, pool: "p", position: 3, etaMS: 850)
                writer.started(id: call.id, attempt: 1, waitedMS: 812)
                writer.retrying(id: call.id, attempt: 2, code: .providerServerError, delayMS: 200, status: 500)
                writer.result(call.id)
            }
        }
        let (seen, continuation) = AsyncStream<CallOptions.Progress>.makeStream()
        let options = CallOptions { continuation.yield($0) }
        _ = try await SluiceClient(socket: agent.path).call(Self.path, json: Array("{}".utf8), options: options)
        continuation.finish()
        let events = await seen.reduce(into: []) { $0.append($1) }
        #expect(
            events == [
                .queued(pool: "p", position: 3, estimate: .milliseconds(850)),
                .started(attempt: 1, waited: .milliseconds(812)),
                .retrying(attempt: 2, code: .providerServerError, delay: .milliseconds(200)),
            ])
        #expect(await agent.next()?.call?.progress == true)
    }

    @Test(
        "a body that cannot be sent is refused here",
        arguments: [
            ("[]", SluiceError.Code.callerInvalidJSON), ("{\"a\":}", .callerInvalidJSON), ("", .callerInvalidJSON),
            (#"{},"op":"x"}"#, .callerInvalidJSON), (#"{"stream":true}"#, .callerInvalidField),
            (#"{"long":"0123456789012345678901234567890123456789"}"#, .callerFrameTooLarge),
        ])
    func refused(_ body: String, _ code: SluiceError.Code) async throws {
        let agent = try await FakeAgent(greeting: .make(maxFrame: 100)) { arrival in
            arrival.peer.send { $0.result(arrival.call?.id ?? "") }
        }
        let client = SluiceClient(socket: agent.path)
        let error = await #expect(throws: SluiceError.self) {
            try await client.call("/v1/x", json: Array(body.utf8))
        }
        #expect(error?.code == code)
        #expect(error?.charged == Answer.Charge.none)
        _ = try await client.call("/v1/x")
    }
}
