import SluiceProvider
import Testing

@Suite("Queues and rates", .timeLimit(.minutes(1)))
struct QueueTests {
    @Test("Above the ceiling calls wait and go in the order they came, with queued and started")
    func firstComeFirstServed() async throws {
        let scratch = try Scratch()
        let gate = Gate()
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            gate.pass()
            exchange.json("{}")
            return true
        }
        let setup = Setup(pool: ["max_in_flight: 1"], socket: scratch.file("raw.sock"))
        try await House.with(setup) { house in
            let caller = try house.connect()
            for number in 0..<6 { caller.call("\(number)", Body.chat(text: "\(number)")) }
            for number in 1..<6 {
                let queued = try await caller.next("queued", "\(number)")
                #expect(queued.int("position") == number - 1 || queued.int("position") == number)
            }
            #expect(upstream.received.count <= 1)
            gate.open()
            for number in 0..<6 { #expect(try await caller.end(of: "\(number)").kind == "result") }
            let order = upstream.received.map { String(decoding: $0.body, as: UTF8.self) }
            #expect(order == (0..<6).map { Body.chat(text: "\($0)") })
            let started = caller.unread("started").map(\.id)
            #expect(started == (1..<6).map { "\($0)" })
        }
    }

    @Test("position counts the calls ahead, from 0")
    func position() async throws {
        try await House.with(Setup(pool: ["max_in_flight: 1"])) { house in
            let caller = try house.connect()
            caller.call("busy", Body.fault("fault=hang"))
            try await house.underWay(1)
            for number in 0..<3 {
                caller.call("\(number)", Body.chat())
                #expect(try await caller.next("queued", "\(number)").int("position") == number)
            }
        }
    }

    @Test("progress false silences queued and started")
    func silenced() async throws {
        try await House.with(Setup(pool: ["requests_per_minute: 600"])) { house in
            let caller = try house.connect()
            // A burst goes at once; the rest has to wait.
            for number in 0..<50 { caller.call("\(number)", Body.chat(), #""progress":false"#) }
            for number in 0..<50 { #expect(try await caller.end(of: "\(number)").kind == "result") }
            #expect(caller.unread("queued").isEmpty && caller.unread("started").isEmpty)
        }
    }

    @Test("A configured rate makes calls beyond the burst wait, and tells them so")
    func configuredRate() async throws {
        try await House.with(Setup(pool: ["requests_per_minute: 600"])) { house in
            let caller = try house.connect()
            // The interactive lane may have the whole burst; the lanes below leave part of it.
            for number in 0..<50 { caller.call("\(number)", Body.chat(), #""lane":"interactive""#) }
            for number in 0..<50 { #expect(try await caller.end(of: "\(number)").kind == "result") }
            let queued = Set(caller.unread("queued").compactMap(\.id))
            let started = Set(caller.unread("started").compactMap(\.id))
            #expect(!queued.isEmpty && queued == started)
            #expect(queued.isSubset(of: ["46", "47", "48", "49"]))
            #expect(caller.unread("started").allSatisfy { $0.int("attempt") == 1 })
        }
    }

    @Test("A full queue refuses by its number of calls and by its bytes")
    func queueFull() async throws {
        let setup = Setup(pool: ["max_in_flight: 1", "queue_calls: 2", "queue_size: 2KiB"])
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("busy", Body.fault("fault=hang"))
            try await house.underWay(1)
            caller.call("large", Body.chat(text: String(repeating: "x", count: 3000)))
            let large = try await caller.end(of: "large")
            #expect(large.code == "policy_queue_full" && large.string("limit") == "queue_size")
            caller.call("1", Body.chat())
            caller.call("2", Body.chat())
            caller.call("3", Body.chat())
            let end = try await caller.end(of: "3")
            #expect(end.code == "policy_queue_full" && end.string("limit") == "queue_calls")
            #expect(end.bool("retryable") == true && end.has("retry_after_ms"))
            #expect(try await !caller.hasMore(of: "none"))
        }
    }

    @Test("A call larger than a minute's tokens is refused for good")
    func exceedsLimit() async throws {
        try await House.with(Setup(pool: ["tokens_per_minute: 1000"])) { house in
            let caller = try house.connect()
            caller.call("1", #"{"model":"m","max_tokens":2000,"messages":[]}"#)
            let end = try await caller.end(of: "1")
            #expect(end.code == "policy_exceeds_limit" && end.string("limit") == "tokens_per_minute")
            #expect(end.bool("retryable") == false && house.provider.stats().requests == 0)
        }
    }

    @Test("Limits that only the provider's headers tell are learned, and no call is refused for them")
    func learnedLimits() async throws {
        var provider = ProviderConfiguration()
        provider.limits = RateLimits(requestsPerMinute: 600)
        try await House.with(Setup(), provider) { house in
            let caller = try house.connect()
            for number in 0..<20 {
                caller.call("\(number)", Body.chat())
                #expect(try await caller.end(of: "\(number)").kind == "result")
            }
            #expect(try await house.status().int("pools.0.requests_per_minute") == 600)
            #expect(house.provider.stats().rateLimited == 0)
        }
    }
}
