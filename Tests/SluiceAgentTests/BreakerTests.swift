import SluiceProvider
import Testing

@Suite("The breaker", .timeLimit(.minutes(1)))
struct BreakerTests {
    private static let quick = ["minimum_calls: 3", "open: 100ms", "open_cap: 100ms"]
    private static let lasting = ["minimum_calls: 3", "open: 60s", "open_cap: 60s"]

    private func with(
        _ breaker: [String], _ more: [String] = [], pool: [String] = [],
        _ body: (House, ModelUpstream) async throws -> Void
    ) async throws {
        let scratch = try Scratch()
        let upstream = try ModelUpstream(scratch.file("raw.sock"), ["m": .serverError])
        let setup = Setup(
            pool: pool, retries: ["attempts: 1"], socket: scratch.file("raw.sock"), breaker: breaker, more: more)
        try await House.with(setup) { try await body($0, upstream) }
    }

    /// Calls one after the other that all fail.
    private func fail(_ caller: Caller, _ count: Int) async throws {
        for number in 0..<count {
            caller.call("f\(number)", Body.tagged("f"))
            #expect(try await caller.end(of: "f\(number)").code == "provider_server_error")
        }
    }

    private static let openMetric = #"sluice_breaker_open{pool="all",endpoint="chat/completions"}"#

    @Test("It opens when enough calls failed: calls are refused at once, with the time to come back")
    func opens() async throws {
        try await with(Self.lasting) { house, upstream in
            let caller = try house.connect()
            try await fail(caller, 3)
            caller.call("1", Body.tagged("1"), #""lane":"interactive""#)
            let end = try await caller.end(of: "1")
            #expect(end.code == "policy_circuit_open" && end.bool("retryable") == true)
            #expect(end.int("attempts") == 0 && end.string("charged") == "none" && !end.has("limit"))
            #expect((20_000...60_000).contains(try #require(end.int("retry_after_ms"))))
            #expect(upstream.received.count == 3)
            #expect(try await house.status().string("pools.0.breakers.chat/completions") == "open")
            #expect(metric(Self.openMetric, in: try await house.metrics()) == 1)
            // Another endpoint has a breaker of its own.
            caller.call("2", #"{"model":"e","input":"x"}"#, path: "/v1/embeddings")
            #expect(try await caller.end(of: "2").kind == "result")
        }
    }

    @Test("Below minimum_calls it stays closed, whatever fails")
    func minimum() async throws {
        try await with(["minimum_calls: 10"]) { house, _ in
            let caller = try house.connect()
            try await fail(caller, 9)
            #expect(try await !house.status().has("pools.0.breakers.chat/completions"))
        }
    }

    @Test("Switched off it never opens")
    func disabled() async throws {
        try await with(["minimum_calls: 1", "enabled: false"]) { house, upstream in
            let caller = try house.connect()
            try await fail(caller, 8)
            #expect(upstream.received.count == 8)
        }
    }

    @Test("Answers that are the caller's fault, and 429s, do not open it")
    func harmless() async throws {
        try await with(["minimum_calls: 1", "failure_percent: 1"]) { house, upstream in
            let caller = try house.connect()
            let wrong = #"{"message":"no","type":"invalid_request_error"}"#
            upstream.set("m", .fail(status: 400, error: wrong, headers: ""))
            for number in 0..<4 {
                caller.call("w\(number)", Body.tagged("w"))
                #expect(try await caller.end(of: "w\(number)").code == "provider_invalid_request")
            }
            let limited = #"{"message":"no","type":"requests","code":"rate_limit_exceeded"}"#
            upstream.set("m", .fail(status: 429, error: limited, headers: "retry-after-ms: 1\r\n"))
            for number in 0..<4 {
                caller.call("l\(number)", Body.tagged("l"))
                #expect(try await caller.end(of: "l\(number)").code == "provider_rate_limited")
            }
            #expect(metric(Self.openMetric, in: try await house.metrics()) == 0)
            upstream.set("m", .answer)
            caller.call("1", Body.tagged("1"))
            #expect(try await caller.end(of: "1").kind == "result")
        }
    }

    @Test("Who may wait for it waits, is the probe when it half-opens, and closes it when health is back")
    func recovers() async throws {
        try await with(Self.quick) { house, upstream in
            let caller = try house.connect()
            try await fail(caller, 3)
            upstream.set("m", .answer)
            // One probe, and three more of the second round.
            for number in 0..<4 { caller.call("b\(number)", Body.tagged("b"), #""lane":"batch""#) }
            for number in 0..<4 { #expect(try await caller.end(of: "b\(number)").kind == "result") }
            #expect(try await !house.status().has("pools.0.breakers.chat/completions"))
            #expect(metric(Self.openMetric, in: try await house.metrics()) == 0)
            caller.call("1", Body.tagged("1"), #""lane":"interactive""#)
            #expect(try await caller.end(of: "1").kind == "result")
        }
    }

    @Test("A failed probe opens it again, and who waits goes on waiting")
    func failedProbe() async throws {
        try await with(Self.quick) { house, upstream in
            let caller = try house.connect()
            try await fail(caller, 3)
            caller.call("p", Body.tagged("p"), #""lane":"batch""#)
            caller.call("w", Body.tagged("w"), #""lane":"batch""#)
            // The probe's own call ends with what it met; the other is not lost with it.
            #expect(try await caller.end(of: "p").code == "provider_server_error")
            upstream.set("m", .answer)
            let end = try await caller.end(of: "w")
            #expect(end.kind == "result" || end.code == "provider_server_error")
        }
    }

    @Test("waits_for_breaker makes a lane wait that would be refused")
    func waits() async throws {
        let lanes = ["lanes:", "  interactive:", "    waits_for_breaker: true"]
        try await with(Self.lasting.map { $0.replacing("60s", with: "1s") }, lanes) { house, upstream in
            let caller = try house.connect()
            try await fail(caller, 3)
            caller.call("1", Body.tagged("1"), #""lane":"interactive""#)
            _ = try await caller.next("queued", "1")
            caller.call("2", Body.tagged("2"))
            #expect(try await caller.end(of: "2").code == "policy_circuit_open")
            // Whoever risks less goes ahead of it and finds out.
            upstream.set("m", .answer)
            for number in 3..<7 { caller.call("\(number)", Body.tagged("b"), #""lane":"batch""#) }
            for number in 3..<7 { #expect(try await caller.end(of: "\(number)").kind == "result") }
            #expect(try await caller.end(of: "1").kind == "result")
        }
    }

    @Test("A call that arrives when another takes the probe gets its answer like everybody")
    func beatenToTheProbe() async throws {
        // The bucket holds nine, and batch leaves half of it: the probe that waits is overtaken by the reserve's end
        // when an interactive call arrives, which then finds the only probe taken.
        let breaker = ["minimum_calls: 1", "failure_percent: 1", "open: 100ms", "open_cap: 100ms"]
        try await with(breaker, pool: ["requests_per_minute: 120"]) { house, upstream in
            let caller = try house.connect()
            upstream.set("m", .answer)
            for number in 0..<7 {
                caller.call("g\(number)", Body.tagged("g"), #""lane":"interactive""#)
                #expect(try await caller.end(of: "g\(number)").kind == "result")
            }
            upstream.set("m", .serverError)
            caller.call("bad", Body.tagged("bad"), #""lane":"interactive""#)
            #expect(try await caller.end(of: "bad").code == "provider_server_error")
            upstream.set("m", .answer)
            caller.call("probe", Body.tagged("probe"), #""lane":"batch""#)
            var number = 0
            try await eventually("the probe is under way") {
                number += 1
                caller.call("i\(number)", Body.tagged("i"), #""lane":"interactive""#)
                let end = try await caller.end(of: "i\(number)")
                #expect(end.kind == "result" || end.code == "policy_circuit_open", "\(end)")
                return upstream.users.contains("probe")
            }
            #expect(try await caller.end(of: "probe").kind == "result")
        }
    }

    // MARK: By hand

    @Test("The admin socket opens, closes and gives back a breaker")
    func byHand() async throws {
        try await with(Self.lasting) { house, upstream in
            let caller = try house.connect()
            upstream.set("m", .answer)
            let opened = try await house.admin("/breaker?pool=all&endpoint=chat/completions&state=open")
            #expect(opened.status == 200 && opened.body == "all: open\n")
            #expect(try await house.status().string("pools.0.breakers.chat/completions") == "forced_open")
            #expect(metric(Self.openMetric, in: try await house.metrics()) == 1)
            caller.call("1", Body.tagged("1"))
            #expect(try await caller.end(of: "1").code == "policy_circuit_open")
            caller.call("2", Body.tagged("2"), #""lane":"batch""#)
            _ = try await caller.next("queued", "2")
            caller.call("3", #"{"model":"e","input":"x"}"#, path: "/v1/embeddings")
            #expect(try await caller.end(of: "3").kind == "result")

            #expect(try await house.admin("/breaker?pool=all&state=closed").status == 200)
            #expect(try await caller.end(of: "2").kind == "result")
            #expect(try await house.status().string("pools.0.breakers.chat/completions") == "forced_closed")
            upstream.set("m", .serverError)
            try await fail(caller, 5)
            #expect(metric(Self.openMetric, in: try await house.metrics()) == 0)

            #expect(try await house.admin("/breaker?pool=all&state=auto").body == "all: auto\n")
            #expect(try await !house.status().has("pools.0.breakers.chat/completions"))
            try await fail(caller, 3)
            #expect(try await house.status().string("pools.0.breakers.chat/completions") == "open")
        }
    }

    @Test("A name that is not there is answered with those that are")
    func wrongNames() async throws {
        try await with([]) { house, _ in
            let cases = [
                ("/breaker", "pool: name one of all"), ("/breaker?pool=none&state=open", "pool: name one of all"),
                ("/breaker?pool=all&endpoint=chat&state=open", "endpoint: name one of chat/completions"),
                ("/breaker?pool=all", "state: say open, closed or auto"),
                ("/breaker?pool=all&state=none", "state: say open, closed or auto"),
                ("/breaker?pool=all&state=ajar", "state: say open, closed or auto"),
            ]
            for (path, complaint) in cases {
                let answer = try await house.admin(path)
                #expect(answer.status == 400 && answer.body.hasPrefix(complaint), "\(path): \(answer.body)")
            }
            #expect(try await house.admin("/breaker?pool=%61ll&endpoint=chat%2Fcompletions&state=auto").status == 200)
            #expect(try await house.admin("/breaker?pool=all&state=open", method: "GET").status == 405)
        }
    }

    @Test("The stats socket sets no breaker")
    func statsCannot() async throws {
        try await with([]) { house, upstream in
            upstream.set("m", .answer)
            #expect(try await house.stats("/breaker?pool=all&state=open", method: "POST").status == 405)
            #expect(try await house.stats("/breaker?pool=all&state=open").status == 404)
            let caller = try house.connect()
            caller.call("1", Body.tagged("1"))
            #expect(try await caller.end(of: "1").kind == "result")
        }
    }
}
