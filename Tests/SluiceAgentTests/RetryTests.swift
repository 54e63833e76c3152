import SluiceProvider
import Testing

@Suite("What is tried again, and what is not", .timeLimit(.minutes(1)))
struct RetryTests {
    @Test("A passing 5xx is tried again and told", arguments: ["500", "502", "503", "overloaded", "slow-down", "408"])
    func transient(fault: String) async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=\(fault),times=1"))
            let retrying = try await caller.next("retrying", "1")
            #expect(retrying.int("attempt") == 2 && retrying.has("delay_ms") && (retrying.int("status") ?? 0) >= 408)
            let end = try await caller.end(of: "1")
            #expect(end.kind == "result" && end.int("attempts") == 2)
            #expect(house.provider.stats().requests == 2)
        }
    }

    @Test("A lasting 500 uses up the attempts and comes with the provider's own error")
    func lasting() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=500"))
            let end = try await caller.end(of: "1")
            #expect(end.code == "provider_server_error" && end.int("status") == 500)
            #expect(end.int("attempts") == 3 && end.bool("retryable") == true && end.string("charged") == "none")
            #expect(end.has("upstream.message"))
            #expect(house.provider.stats().requests == 3)
        }
    }

    @Test("503 is told apart as overload")
    func overloaded() async throws {
        try await House.with(Setup(retries: ["attempts: 1"])) { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=503"))
            #expect(try await caller.end(of: "1").code == "provider_overloaded")
        }
    }

    @Test("A refused connect is tried again and cost nothing")
    func refusedConnect() async throws {
        try await House.with(Setup(socket: "/tmp/sluice-e2e-nobody.sock")) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat())
            let end = try await caller.end(of: "1")
            #expect(end.code == "provider_unreachable" && end.int("attempts") == 3)
            #expect(end.string("charged") == "none" && !end.has("status"))
        }
    }

    @Test("A connection cut before the answer is tried again, and flagged as possibly charged when it fails for good")
    func cutBeforeAnswer() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=close"))
            let end = try await caller.end(of: "1")
            #expect(end.code == "provider_connection_lost" && end.string("charged") == "estimated")
            caller.call("2", Body.fault("fault=close,times=1"))
            #expect(try await caller.end(of: "2").kind == "result")
        }
    }

    @Test("A stream that failed before its first chunk is tried again")
    func streamBeforeFirstChunk() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=cut-mid-stream,after=0,times=1", stream: true))
            let end = try await caller.end(of: "1")
            #expect(end.string("finish") == "complete" && end.int("attempts") == 2)
            let chunks = caller.unread("chunk")
            #expect(chunks.map { $0.int("seq") } == Array(0..<chunks.count))
        }
    }

    @Test("After the first chunk nothing is ever tried again")
    func neverAfterAChunk() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=cut-mid-stream,after=2", stream: true))
            let end = try await caller.end(of: "1")
            #expect(end.kind == "result" && end.string("finish") == "truncated")
            #expect(end.int("attempts") == 1 && end.string("charged") == "estimated")
            #expect(caller.unread("chunk").count == 2 && caller.unread("retrying").isEmpty)
            #expect(house.provider.stats().requests == 1)
        }
    }

    @Test("x-should-retry: false is obeyed")
    func shouldNotRetry() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=500,should-retry=false"))
            #expect(try await caller.end(of: "1").int("attempts") == 1)
        }
    }

    @Test("The retry budget ends a wave of repetitions")
    func budget() async throws {
        // Nothing trickles, nothing was earned: not one retry can be paid for.
        let setup = Setup(retries: ["base: 1ms", "cap: 1ms", "budget_percent: 100", "budget_per_second: 0"])
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("poor", Body.fault("fault=500"))
            #expect(try await caller.end(of: "poor").int("attempts") == 1)
            // One success earns one retry.
            caller.call("earn", Body.chat())
            #expect(try await caller.end(of: "earn").kind == "result")
            caller.call("pays", Body.fault("fault=500"))
            #expect(try await caller.end(of: "pays").int("attempts") == 2)
        }
    }

    @Test("A 429 freezes the pool for retry-after-ms: whoever comes now waits too")
    func frozen() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=429,retry-after-ms=60000,times=1"))
            let retrying = try await caller.next("retrying", "1")
            #expect(retrying.code == "provider_rate_limited" && retrying.int("status") == 429)
            #expect((60_000...90_000).contains(try #require(retrying.int("delay_ms")) + 1))
            caller.call("2", Body.chat())
            #expect((try #require(try await caller.next("queued", "2").int("eta_ms"))) > 30_000)
            #expect(try await house.status().has("pools.0.frozen_ms"))
            caller.cancel("1")
            // Nothing was charged for what the provider refused, and nothing was sent of the other.
            #expect(try await caller.end(of: "1").string("charged") == "none")
            #expect(house.provider.stats().requests == 1)
        }
    }

    @Test("After the freeze the call succeeds in its old place, and so does who waited behind it")
    func resumed() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=429,retry-after-ms=50,times=1"))
            _ = try await caller.next("retrying", "1")
            caller.call("2", Body.chat())
            let first = try await caller.end(of: "1")
            #expect(first.kind == "result" && first.int("attempts") == 2)
            #expect(try await caller.end(of: "2").kind == "result")
            let metrics = try await house.metrics()
            #expect(metric(#"sluice_upstream_rate_limited_total{pool="all"}"#, in: metrics) == 1)
            let retries = #"sluice_retries_total{pool="all",reason="provider_rate_limited"}"#
            #expect(metric(retries, in: metrics) == 1)
        }
    }

    @Test("A 429 that lasts is passed on with its retry_after_ms")
    func rateLimitedForGood() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=429,retry-after-ms=20"))
            let end = try await caller.end(of: "1")
            #expect(end.code == "provider_rate_limited" && end.int("retry_after_ms") == 20)
            #expect(end.int("attempts") == 3 && end.string("charged") == "none")
        }
    }

    @Test("insufficient_quota is final although it comes as a 429")
    func quota() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=quota"))
            let end = try await caller.end(of: "1")
            #expect(end.code == "provider_quota_exhausted" && end.int("attempts") == 1 && end.int("status") == 429)
            #expect(end.bool("retryable") == false)
            #expect(try await !house.status().has("pools.0.frozen_ms"))
        }
    }

    @Test("A refused key is final, and of the provider's words only type and code are shown")
    func refusedKey() async throws {
        let scratch = try Scratch()
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            let error =
                #"{"error":{"message":"Incorrect API key provided: sk-test. You can","#
                + #""type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#
            exchange.json(error, status: "401 Unauthorized")
            return true
        }
        try await House.with(Setup(socket: scratch.file("raw.sock"))) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat())
            let end = try await caller.end(of: "1")
            #expect(end.code == "provider_auth_failed" && end.int("status") == 401)
            #expect(end.string("upstream.code") == "invalid_api_key" && !end.has("upstream.message"))
            #expect(!end.text.contains("sk-test"))
            #expect(upstream.received.count == 1)
            #expect(upstream.received[0].head.lowercased().contains("authorization: bearer sk-test"))
        }
    }

    @Test("A request the provider calls wrong is final and comes with its reason")
    func invalidRequest() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=context-length"))
            let end = try await caller.end(of: "1")
            #expect(end.code == "provider_invalid_request" && end.int("status") == 400)
            #expect(end.string("upstream.code") == "context_length_exceeded")
            #expect(house.provider.stats().requests == 1)
        }
    }
}
