import SluiceAgent
import SluiceConfig
import SluiceProvider
import Testing

@Suite("Metrics, health and status", .timeLimit(.minutes(1)))
struct StatsTests {
    private static let calls = #"sluice_calls_total{pool="all",lane="normal",endpoint="chat/completions",outcome="#

    @Test("The counters agree with the calls that were made")
    func counters() async throws {
        try await House.with { house in
            let caller = try house.connect()
            var tokens = 0
            for number in 0..<4 {
                caller.call("\(number)", Body.chat(stream: number == 3))
                let end = try await caller.end(of: "\(number)")
                tokens += try #require(end.int("usage.output_tokens"))
            }
            caller.call("bad", Body.fault("fault=400"))
            _ = try await caller.end(of: "bad")
            caller.call("again", Body.fault("fault=500,times=2"))
            tokens += try #require(try await caller.end(of: "again").int("usage.output_tokens"))
            caller.send("nonsense")
            _ = try await caller.next("error")
            let metrics = try await house.metrics()
            #expect(metric(Self.calls + #""ok"}"#, in: metrics) == 5)
            #expect(metric(Self.calls + #""provider_invalid_request"}"#, in: metrics) == 1)
            let attempts = #"sluice_upstream_attempts_total{pool="all",outcome="#
            #expect(metric(attempts + #""ok"}"#, in: metrics) == 5)
            #expect(metric(attempts + #""provider_server_error"}"#, in: metrics) == 2)
            #expect(metric(#"sluice_tokens_total{pool="all",direction="output"}"#, in: metrics) == Double(tokens))
            #expect(metric(#"sluice_frames_rejected_total{code="caller_invalid_json"}"#, in: metrics) == 1)
            #expect(metric(#"sluice_call_duration_seconds_count{pool="all",lane="normal"}"#, in: metrics) == 6)
            #expect(metric(#"sluice_calls_in_flight{pool="all"}"#, in: metrics) == 0)
            #expect(metric("sluice_connections", in: metrics) == 1)
            #expect(metric("sluice_connections_total", in: metrics) == 1)
            #expect(metric("process_open_fds", in: metrics) > 3)
            #expect(house.provider.stats().requests == 8)
        }
    }

    @Test("Gauges show what is in flight and what waits")
    func gauges() async throws {
        try await House.with(Setup(pool: ["max_in_flight: 1"])) { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=hang"))
            caller.call("2", Body.chat())
            _ = try await caller.next("queued", "2")
            let metrics = try await house.metrics()
            #expect(metric(#"sluice_calls_in_flight{pool="all"}"#, in: metrics) == 1)
            #expect(metric(#"sluice_queue_depth{pool="all",lane="normal"}"#, in: metrics) == 1)
            #expect(metric("sluice_queue_bytes", in: metrics) == Double(Body.chat().utf8.count))
            let status = try await house.status()
            #expect(status.int("in_flight") == 1 && status.int("queued") == 1)
            #expect(status.string("pools.0.name") == "all" && status.int("pools.0.max_in_flight") == 1)
            #expect(status.int("connections.0.in_flight") == 2 && status.string("state") == "running")
        }
    }

    @Test("promtool finds nothing to complain about", .enabled(if: Binary.find("promtool") != nil))
    func promtool() async throws {
        try await House.with { house in
            let caller = try house.connect()
            for fault in ["fault=400", "fault=500", "fault=429,retry-after-ms=1", "output-tokens=3"] {
                caller.call("1", Body.fault(fault))
                _ = try await caller.end(of: "1")
            }
            let answer = try await house.stats("/metrics")
            #expect(answer.head.contains("content-type: text/plain; version=0.0.4"))
            let tool = try #require(Binary.find("promtool"))
            let check = try Spawned(tool, ["check", "metrics"], input: answer.body)
            #expect(await check.exitCode() == 0)
            #expect(check.output.isEmpty, "\(check.output)")
        }
    }

    @Test("Health, readiness and what is not there")
    func routes() async throws {
        try await House.with { house in
            #expect(try await house.stats("/healthz").body == "ok\n")
            #expect(try await house.stats("/readyz").body == "ready\n")
            #expect(try await house.stats("/healthz?x=1").status == 200)
            #expect(try await house.stats("/nothing").status == 404)
            let refused = try await house.stats("/metrics", method: "POST")
            #expect(refused.status == 405 && refused.head.contains("allow: get, head"))
            #expect(try await house.stats("/reload", method: "POST").status != 200)
            let head = try await house.stats("/metrics", method: "HEAD")
            #expect(head.status == 200 && head.body.isEmpty && !head.head.contains("content-length: 0"))
        }
    }

    @Test("The admin socket reloads, and says what is wrong when it cannot")
    func reload() async throws {
        try await House.with(Setup(pool: ["max_in_flight: 7"])) { house in
            let admin = house.agent.paths.adminSocket
            let caller = try house.connect()
            caller.call("1", Body.chat())
            _ = try await caller.end(of: "1")
            #expect(try await HTTPExchange.get("/reload", at: admin).status == 405)
            #expect(try await HTTPExchange.get("/healthz", at: admin).status == 200)
            try house.scratch.write("config.yaml", Setup(pool: ["max_in_flight: 9"]).yaml(house.scratch))
            #expect(try await HTTPExchange.get("/reload", at: admin, method: "POST").body == "reloaded\n")
            #expect(try await house.status().int("pools.0.max_in_flight") == 9)
            try house.scratch.write("config.yaml", Setup(pool: ["max_in_flight: 0"]).yaml(house.scratch))
            let bad = try await HTTPExchange.get("/reload", at: admin, method: "POST")
            #expect(bad.status == 422 && bad.body.contains("config.yaml:"))
            #expect(try await house.status().int("pools.0.max_in_flight") == 9)
            let metrics = try await house.metrics()
            #expect(metric(#"sluice_reloads_total{result="success"}"#, in: metrics) == 1)
            #expect(metric(#"sluice_reloads_total{result="failure"}"#, in: metrics) == 1)
        }
    }
}
