import SluiceWire
import Testing

@Suite("Agent frames")
struct AgentFrameTests {
    private func read(_ write: (inout FrameWriter) -> Void) throws -> AgentFrame {
        var writer = FrameWriter()
        write(&writer)
        let payload = Array(writer.bytes.dropFirst(WireLimits.headerSize))
        return try AgentFrame.read(payload.span.bytes)
    }

    private func read(_ text: String) throws -> AgentFrame { try AgentFrame.read(Array(text.utf8).span.bytes) }

    @Test("reads back what the agent writes")
    func roundTrip() throws {
        #expect(try read { $0.hello(.test) } == .hello(.test, proto: 1))
        #expect(
            try read { $0.queued(id: "a\"b", pool: "p", position: 3, etaMS: nil) }
                == .queued(id: "a\"b", pool: "p", position: 3, etaMS: nil))
        #expect(
            try read { $0.started(id: "1", attempt: 1, waitedMS: 9) } == .started(id: "1", attempt: 1, waitedMS: 9))
        #expect(
            try read { $0.retrying(id: "1", attempt: 2, code: .providerOverloaded, delayMS: 5, status: 503) }
                == .retrying(id: "1", attempt: 2, code: "provider_overloaded", delayMS: 5, status: 503))
        #expect(try read { $0.pong(id: nil) } == .pong(id: nil))
        #expect(try read { $0.pong(id: "7") } == .pong(id: "7"))
        #expect(
            try read { $0.goaway(reason: "draining", drainMS: 30) } == .goaway(reason: "draining", drainMS: 30))
        #expect(
            try read { $0.result(id: "1", .ok, finish: .complete, error: nil) }
                == .finished(id: "1", .ok, finish: .complete, error: nil))
    }

    @Test("says which model answered instead, and why", arguments: FallbackReason.allCases)
    func fallback(_ reason: FallbackReason) throws {
        var summary = ResultSummary.ok
        summary.fallback = WireFallback(from: "gpt-4o\"", to: "gpt-4o-mini", reason: reason)
        #expect(
            try read { $0.result(id: "1", summary, finish: .complete, error: nil) }
                == .finished(id: "1", summary, finish: .complete, error: nil))
    }

    @Test("slices bodies and chunks where they stand")
    func slices() throws {
        let chunk = #"{"id":"1","event":"chunk","seq":4,"data": {"x":1e400} }"#
        guard case .chunk("1", 4, let data) = try read(chunk) else {
            Issue.record("not a chunk")
            return
        }
        #expect(Array(chunk.utf8)[data].elementsEqual(#"{"x":1e400}"#.utf8))
        let result = #"{"body":{"event":"no"},"id":"1","event":"result","status":200,"charged":"exact","attempts":1}"#
        guard case .result("1", let summary, let body) = try read(result) else {
            Issue.record("not a result")
            return
        }
        #expect(Array(result.utf8)[body].elementsEqual(#"{"event":"no"}"#.utf8))
        #expect(summary.charged == .exact)
    }

    @Test("the error inside a stream's result is read whole")
    func failedStream() throws {
        let error = WireError(
            .callerSlowConsumer, "slow", retryAfterMS: 5, limit: "stream_credit", field: "x", attempts: 1,
            charged: .estimated, status: 200, upstream: Array("{}".utf8))
        guard
            case .finished("1", _, .failed, let read?) = try read({
                $0.result(id: "1", .ok, finish: .failed, error: error)
            })
        else {
            Issue.record("not a failed stream")
            return
        }
        #expect(read.known == .callerSlowConsumer)
        #expect(read.message == "slow")
        #expect(!read.retryable)
        #expect(read.retryAfterMS == 5)
        #expect(read.limit == "stream_credit")
        #expect(read.upstream == Array("{}".utf8))
    }

    @Test("what is new is passed over; what is missing is named")
    func tolerance() throws {
        #expect(try read(#"{"event":"weather","id":"1"}"#) == .unknown)
        #expect(try read(#"{"event":"pong","id":"1","mood":{"a":[1]}}"#) == .pong(id: "1"))
        guard case .error(nil, let error) = try read(#"{"event":"error","code":"policy_new","message":"m"}"#) else {
            Issue.record("not an error")
            return
        }
        #expect(error.code == "policy_new")
        #expect(error.known == nil)
        #expect(throws: AgentFrameFault.field("seq")) { try read(#"{"event":"chunk","id":"1","data":{}}"#) }
        #expect(throws: AgentFrameFault.field("event")) { try read("{}") }
        #expect(throws: AgentFrameFault.field("body")) {
            try read(#"{"event":"result","id":"1","status":200,"charged":"none","attempts":1}"#)
        }
    }

    @Test("what this side writes is what the agent reads")
    func operations() throws {
        let call = CallOperation(
            path: "/v1/x", tenant: "t", feature: "f", lane: .backfill, deadlineMS: 5, progress: false)
        let frame = ClientOperation.call(id: "9", call, body: Array("{\"a\":1}".utf8))
        #expect(FrameDecoder().step(frame.span.bytes) == .frame(4..<frame.count))
        let payload = Array(frame.dropFirst(4))
        guard case .call(let read) = try ClientFrame.read(payload.span.bytes) else {
            Issue.record("not a call")
            return
        }
        #expect(read.id == "9")
        #expect(read.lane == .backfill)
        #expect(read.deadlineMS == 5)
        #expect(!read.progress)
        #expect(read.body.map { Array(payload[$0.range]) } == Array("{\"a\":1}".utf8))
        for lane in [nil, Lane.normal] {
            let plain = Array(
                ClientOperation.call(id: "9", CallOperation(path: "/v1/x", lane: lane), body: nil).dropFirst(4))
            guard case .call(let read) = try ClientFrame.read(plain.span.bytes) else { continue }
            #expect(read.lane == lane)
        }
        let grant = Array(ClientOperation.grant(id: "9", bytes: 70).dropFirst(4))
        #expect(try ClientFrame.read(grant.span.bytes) == .grant(id: "9", bytes: 70))
    }
}
