import SluiceProvider
import Testing

@Suite("Retries belong to the agent", .timeLimit(.minutes(1)))
struct OwnershipTests {
    @Test("A 503's retry-after is waited for, in every form", arguments: ["retry-after-ms=300", "retry-after=1"])
    func retryAfter(hint: String) async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=503,\(hint),times=1"))
            let retrying = try await caller.next("retrying", "1")
            #expect(retrying.code == "provider_overloaded")
            #expect(try #require(retrying.int("delay_ms")) >= (hint.hasSuffix("300") ? 300 : 1_000))
            #expect(try await caller.end(of: "1").int("attempts") == 2)
        }
    }

    @Test(
        "A wait beyond retry_after_ceiling ends the call at once, with the wait and the limit",
        arguments: ["503", "429"])
    func beyondCeiling(status: String) async throws {
        try await House.with(Setup(retries: ["retry_after_ceiling: 5s"])) { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=\(status),retry-after=200"))
            let end = try await caller.end(of: "1")
            #expect(end.code == (status == "429" ? "provider_rate_limited" : "provider_overloaded"))
            #expect(end.int("attempts") == 1 && end.int("retry_after_ms") == 200_000)
            #expect(end.string("limit") == "retry_after_ceiling" && end.bool("retryable") == true)
            #expect(house.provider.stats().requests == 1)
        }
    }

    @Test("A wait within the ceiling that did not help is no limit's fault")
    func withinCeiling() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=503,retry-after-ms=1"))
            let end = try await caller.end(of: "1")
            #expect(end.int("attempts") == 3 && end.int("retry_after_ms") == 1 && !end.has("limit"))
        }
    }

    @Test("A wait beyond the deadline ends the call at once")
    func beyondDeadline() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=503,retry-after=60"), #""deadline_ms":5000"#)
            let end = try await caller.end(of: "1")
            #expect(end.code == "provider_overloaded" && end.int("attempts") == 1)
        }
    }

    @Test("slow_down brings the pool's rate down, for everybody, and status shows it")
    func slowDown() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=slow-down,retry-after-ms=1,times=1"))
            #expect(try await caller.end(of: "1").int("attempts") == 2)
            // Nothing was sent in the quarter hour before: one a minute is what the ramp begins with.
            #expect(try await house.status().int("pools.0.ramp_per_minute") == 1)
            caller.call("2", Body.chat())
            #expect(try #require(try await caller.next("queued", "2").int("eta_ms")) > 10_000)
        }
    }

    @Test("A key that is refused is left: its call and those that wait for it go to the other key")
    func otherKey() async throws {
        let scratch = try Scratch()
        let refusing = Gate()
        let serving = Gate()
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            if exchange.head.contains("sk-test") {
                refusing.pass()
                let error = #"{"error":{"message":"no","type":"invalid_request_error","code":"invalid_api_key"}}"#
                exchange.json(error, status: "401 Unauthorized")
            } else {
                serving.pass()
                exchange.json("{}")
            }
            return true
        }
        let setup = Setup(pool: ["max_in_flight: 1"], socket: scratch.file("raw.sock"), hasSpareKey: true)
        try await House.with(setup) { house in
            let caller = try house.connect()
            for number in 0..<6 { caller.call("\(number)", Body.tagged("\(number)")) }
            try await eventually("each key has its attempt") { upstream.received.count == 2 }
            let before = try await house.status()
            #expect(before.string("pools.0.name") == "all[test]" && (before.int("pools.0.queued") ?? 0) > 0)
            refusing.open()
            try await eventually("nobody waits for the refused key") {
                let status = try await house.status()
                return status.int("pools.0.queued") == 0 && status.has("pools.0.avoided_ms")
            }
            serving.open()
            for number in 0..<6 { #expect(try await caller.end(of: "\(number)").kind == "result") }
            #expect(upstream.received.filter { $0.head.contains("sk-test") }.count == 1)
            // The next call does not try the refused key.
            caller.call("7", Body.tagged("7"))
            #expect(try await caller.end(of: "7").int("attempts") == 1)
        }
    }

    @Test("A refused key without another is final")
    func onlyKey() async throws {
        var provider = ProviderConfiguration()
        provider.keys = ["sk-else"]
        try await House.with(Setup(), provider) { house in
            let caller = try house.connect()
            for number in 0..<2 {
                caller.call("\(number)", Body.chat())
                let end = try await caller.end(of: "\(number)")
                #expect(end.code == "provider_auth_failed" && end.int("attempts") == 1)
            }
        }
    }

    /// In an outage every call would be tried three times for as long as the budget's trickle lasts, and a provider
    /// that is down is not helped by it. Ten failures in a row are taken for one: what bounds attempts per call in an
    /// outage of any length is that from then on each call is one attempt, until one succeeds.
    @Test("After ten failures in a row nothing is repeated until a call succeeds")
    func cutOff() async throws {
        let retries = ["base: 1ms", "cap: 1ms", "budget_per_second: 100"]
        try await House.with(Setup(retries: retries, breaker: ["enabled: false"])) { house in
            let caller = try house.connect()
            var attempts: [Int] = []
            for number in 0..<6 {
                caller.call("\(number)", Body.fault("fault=500"))
                attempts.append(try #require(try await caller.end(of: "\(number)").int("attempts")))
            }
            #expect(attempts == [3, 3, 3, 1, 1, 1])
            caller.call("well", Body.chat())
            #expect(try await caller.end(of: "well").kind == "result")
            caller.call("again", Body.fault("fault=500"))
            #expect(try await caller.end(of: "again").int("attempts") == 3)
        }
    }

    @Test("The budget of a tenant is its own")
    func tenantBudget() async throws {
        let retries = ["base: 1ms", "cap: 1ms", "budget_percent: 100", "budget_per_second: 0"]
        try await House.with(Setup(retries: retries)) { house in
            let caller = try house.connect()
            // One success earns one retry: of the pool and of the tenant that had it.
            caller.call("earn", Body.chat(), #""tenant":"a""#)
            #expect(try await caller.end(of: "earn").kind == "result")
            caller.call("b", Body.fault("fault=500"), #""tenant":"b""#)
            #expect(try await caller.end(of: "b").int("attempts") == 1)
            caller.call("a", Body.fault("fault=500"), #""tenant":"a""#)
            #expect(try await caller.end(of: "a").int("attempts") == 2)
        }
    }
}
