import SluiceProvider
import Testing

@Suite("Deadlines and provider timeouts", .timeLimit(.minutes(1)))
struct DeadlineTests {
    @Test("A deadline that passes at the provider ends the call and closes its transfer")
    func inFlight() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=hang"), #""deadline_ms":60"#)
            let end = try await caller.end(of: "1")
            #expect(end.code == "policy_deadline_exceeded" && end.string("limit") == "deadline_ms")
            #expect(end.string("charged") == "estimated")
            try await house.abandoned(1)
        }
    }

    @Test("A deadline that passes in the queue costs nothing")
    func inQueue() async throws {
        try await House.with(Setup(pool: ["max_in_flight: 1"])) { house in
            let caller = try house.connect()
            caller.call("first", Body.fault("fault=hang"))
            try await house.underWay(1)
            caller.call("second", Body.chat(), #""deadline_ms":60"#)
            let end = try await caller.end(of: "second")
            #expect(end.code == "policy_deadline_exceeded" && end.string("charged") == "none")
            #expect(end.int("attempts") == 0)
            #expect(house.provider.stats().requests == 1)
        }
    }

    @Test("A deadline that passes mid-stream ends the stream as failed")
    func midStream() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=hang-mid-stream", stream: true), #""deadline_ms":400"#)
            _ = try await caller.next("chunk", "1")
            let end = try await caller.end(of: "1")
            #expect(end.kind == "result" && end.string("finish") == "failed")
            #expect(end.string("error.code") == "policy_deadline_exceeded")
            try await house.abandoned(1)
        }
    }

    @Test("A call whose turn comes after its deadline is refused at once")
    func unmeetable() async throws {
        // 12 a minute: a burst of one, then one every 5 s.
        try await House.with(Setup(pool: ["requests_per_minute: 12"])) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat())
            #expect(try await caller.end(of: "1").kind == "result")
            caller.call("2", Body.chat(), #""deadline_ms":500"#)
            let end = try await caller.end(of: "2")
            #expect(end.code == "policy_deadline_unmeetable" && end.bool("retryable") == true)
            #expect(end.int("attempts") == 0 && end.string("charged") == "none")
            #expect((end.int("retry_after_ms") ?? 0) > 500)
            #expect(house.provider.stats().requests == 1)
        }
    }

    @Test("The lane gives the deadline where the call has none")
    func byLane() async throws {
        let setup = Setup(limits: ["default_deadline:", "  interactive: 50ms"])
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("i", Body.fault("fault=hang"), #""lane":"interactive""#)
            caller.call("n", Body.fault("fault=hang"))
            #expect(try await caller.end(of: "i").code == "policy_deadline_exceeded")
            #expect(try await !caller.hasMore(of: "n"))
        }
    }

    @Test("A provider that says nothing in time is a timeout that may have cost")
    func firstByte() async throws {
        try await House.with(Setup(timeouts: ["first_byte: 50ms"], retries: ["attempts: 1"])) { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=hang"))
            let end = try await caller.end(of: "1")
            #expect(end.code == "provider_timeout" && end.string("charged") == "estimated")
            try await house.abandoned(1)
        }
    }

    @Test("A stream that goes silent ends as failed")
    func idle() async throws {
        try await House.with(Setup(timeouts: ["idle: 80ms"])) { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=hang-mid-stream", stream: true))
            let end = try await caller.end(of: "1")
            #expect(end.string("finish") == "failed" && end.string("error.code") == "provider_timeout")
            #expect(house.provider.stats().requests == 1)
        }
    }
}
