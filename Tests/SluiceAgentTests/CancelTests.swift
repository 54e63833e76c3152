import SluiceProvider
import Testing

@Suite("Cancelling and vanishing", .timeLimit(.minutes(1)))
struct CancelTests {
    private static let oneAtATime = Setup(pool: ["max_in_flight: 1"])

    @Test("Cancelling a plain call ends it and closes its transfer")
    func cancelPlain() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=hang"))
            try await house.underWay(1)
            caller.cancel("1")
            let end = try await caller.end(of: "1")
            #expect(end.kind == "error" && end.code == "caller_cancelled")
            #expect(end.string("charged") == "estimated" && end.int("attempts") == 1)
            try await house.abandoned(1)
            #expect(try await !caller.hasMore(of: "1"))
        }
    }

    @Test("Cancelling a stream that has begun ends it as cancelled")
    func cancelStreamed() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=hang-mid-stream,after=3", stream: true))
            _ = try await caller.first { $0.kind == "chunk" && $0.int("seq") == 2 }
            caller.cancel("1")
            let end = try await caller.end(of: "1")
            #expect(end.kind == "result" && end.string("finish") == "cancelled")
            #expect(end.string("error.code") == "caller_cancelled" && end.string("charged") == "estimated")
            try await house.abandoned(1)
            #expect(house.provider.stats().departures.first?.wasMidAnswer == true)
        }
    }

    @Test("A call cancelled in the queue cost nothing and never reaches the provider")
    func cancelQueued() async throws {
        try await House.with(Self.oneAtATime) { house in
            let caller = try house.connect()
            caller.call("first", Body.fault("fault=hang"))
            try await house.underWay(1)
            caller.call("second", Body.chat())
            #expect(try await caller.next("queued", "second").string("pool") == "all")
            caller.cancel("second")
            let end = try await caller.end(of: "second")
            #expect(end.code == "caller_cancelled" && end.string("charged") == "none" && end.int("attempts") == 0)
            caller.cancel("first")
            #expect(try await caller.end(of: "first").code == "caller_cancelled")
            try await house.abandoned(1)
            #expect(house.provider.stats().requests == 1)
        }
    }

    @Test("An id that is not in flight can be cancelled without effect, and an ended id is free again")
    func strayCancel() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.cancel("nobody")
            caller.call("1", Body.chat())
            #expect(try await caller.end(of: "1").kind == "result")
            caller.cancel("1")
            caller.call("1", Body.chat())
            #expect(try await caller.end(of: "1").kind == "result")
            #expect(try await !caller.hasMore(of: "1"))
        }
    }

    @Test("A client that vanishes takes its plain and streamed calls with it, upstream included")
    func vanish() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("plain", Body.fault("fault=hang"))
            caller.call("stream", Body.fault("fault=hang-mid-stream", stream: true))
            try await house.underWay(2)
            let other = try house.connect()
            other.call("o", Body.fault("fault=delay,delay-ms=1"))
            caller.close()
            try await house.abandoned(2)
            #expect(try await other.end(of: "o").kind == "result")
            try await eventually("its end is counted") {
                let metrics = try await house.metrics()
                let series = #"sluice_calls_total{pool="all",lane="normal",endpoint="chat/completions","#
                return metric(series + #"outcome="caller_disconnected"}"#, in: metrics) == 2
            }
        }
    }

    @Test("A vanished client's waiting calls never reach the provider, not even for a moment")
    func vanishQueued() async throws {
        try await House.with(Self.oneAtATime) { house in
            let caller = try house.connect()
            caller.call("first", Body.fault("fault=hang"))
            try await house.underWay(1)
            for number in 0..<50 { caller.call("\(number)", Body.fault("fault=hang,tag=\(number)")) }
            _ = try await caller.next("queued", "49")
            caller.close()
            try await house.abandoned(1)
            let other = try house.connect()
            other.call("after", Body.chat())
            #expect(try await other.end(of: "after").kind == "result")
            #expect(house.provider.stats().requests == 2)
        }
    }

    @Test("A half-close is a close")
    func halfClose() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=hang"))
            try await house.underWay(1)
            caller.closeWriting()
            try await house.abandoned(1)
        }
    }
}
