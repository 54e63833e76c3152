import SluiceProvider
import Testing

@Suite("What a plan and a feature allow", .timeLimit(.minutes(1)))
struct PlanTests {
    private static func plan(_ lines: String...) -> [String] {
        ["plans:", "  - name: small"] + lines.map { "    \($0)" } + ["tenants:", "  - {name: acme, plan: small}"]
    }

    @Test("A lane that the plan does not have is refused at once, and the error names those it has")
    func laneRights() async throws {
        let setup = Setup(more: Self.plan("lanes: [normal, batch]"))
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat(), #""tenant":"acme","lane":"interactive""#)
            let end = try await caller.end(of: "1")
            #expect(end.code == "policy_lane_not_allowed" && end.string("field") == "lane")
            #expect(end.string("message")?.contains("normal, batch") == true)
            #expect(end.bool("retryable") == false && end.int("attempts") == 0 && end.string("charged") == "none")
            caller.call("2", Body.chat(), #""tenant":"acme","lane":"batch""#)
            #expect(try await caller.end(of: "2").kind == "result")
            caller.call("3", Body.chat(), #""tenant":"other","lane":"interactive""#)
            #expect(try await caller.end(of: "3").kind == "result")
            let refused = #"sluice_calls_total{pool="none",lane="interactive",endpoint="chat/completions","#
            #expect(metric(refused + #"outcome="policy_lane_not_allowed"}"#, in: try await house.metrics()) == 1)
        }
    }

    @Test("A tenant's own rate makes its calls wait, and nobody else's")
    func tenantRate() async throws {
        let setup = Setup(more: Self.plan("requests_per_minute: 12"))
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat(), #""tenant":"acme""#)
            #expect(try await caller.end(of: "1").kind == "result")
            caller.call("2", Body.chat(), #""tenant":"acme""#)
            _ = try await caller.next("queued", "2")
            for number in 3..<8 {
                caller.call("\(number)", Body.chat(), #""tenant":"other""#)
                #expect(try await caller.end(of: "\(number)").kind == "result")
            }
            #expect(caller.unread("result").isEmpty && caller.unread("started").isEmpty)
            // One each five seconds: who cannot wait so long is told when to come back.
            caller.call("8", Body.chat(), #""tenant":"acme","deadline_ms":100"#)
            let refused = try await caller.end(of: "8")
            #expect(refused.code == "policy_deadline_unmeetable" && refused.string("limit") == "deadline_ms")
            #expect((1_000...12_000).contains(try #require(refused.int("retry_after_ms"))))
        }
    }

    @Test("A call larger than the tenant's tokens of a minute is refused for good, and the limit is the tenant's")
    func tenantTokens() async throws {
        let setup = Setup(more: Self.plan("tokens_per_minute: 1000"))
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("1", #"{"model":"m","max_tokens":2000,"messages":[]}"#, #""tenant":"acme""#)
            let end = try await caller.end(of: "1")
            #expect(end.code == "policy_exceeds_limit" && end.string("limit") == "tenant_tokens_per_minute")
            #expect(end.bool("retryable") == false && house.provider.stats().requests == 0)
        }
    }

    @Test("A tenant's attempts in flight are bounded in each pool, and a reload lifts the bound for who waits")
    func tenantInFlight() async throws {
        let setup = Setup(more: Self.plan("max_in_flight: 1"))
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=hang"), #""tenant":"acme""#)
            try await house.underWay(1)
            caller.call("2", Body.chat(), #""tenant":"acme""#)
            _ = try await caller.next("queued", "2")
            caller.call("3", Body.chat(), #""tenant":"other""#)
            #expect(try await caller.end(of: "3").kind == "result")
            #expect(try await !caller.hasMore(of: "2"))
            var wider = setup
            wider.more = Self.plan("max_in_flight: 2")
            try await house.reload(wider)
            #expect(try await caller.end(of: "2").kind == "result")
            #expect(house.provider.stats().inFlight == 1)
        }
    }

    @Test("A tenant's part of the queue is bounded, and the error says that it is the tenant's")
    func tenantQueue() async throws {
        let setup = Setup(more: Self.plan("max_in_flight: 1", "queue_calls: 1"))
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=hang"), #""tenant":"acme""#)
            try await house.underWay(1)
            caller.call("2", Body.chat(), #""tenant":"acme""#)
            _ = try await caller.next("queued", "2")
            caller.call("3", Body.chat(), #""tenant":"acme""#)
            let end = try await caller.end(of: "3")
            #expect(end.code == "policy_queue_full" && end.string("limit") == "tenant_queue_calls")
            #expect(end.bool("retryable") == true && end.has("retry_after_ms"))
            caller.call("4", Body.chat(), #""tenant":"other""#)
            #expect(try await caller.end(of: "4").kind == "result")
        }
    }

    @Test("The default plan holds for callers that name no tenant, and for tenants that nobody configured")
    func defaultPlan() async throws {
        let more = ["plans:", "  - {name: trial, lanes: [normal]}", "default_plan: trial"]
        try await House.with(Setup(more: more)) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat(), #""lane":"interactive""#)
            #expect(try await caller.end(of: "1").code == "policy_lane_not_allowed")
            caller.call("2", Body.chat(), #""lane":"interactive","tenant":"anybody""#)
            #expect(try await caller.end(of: "2").code == "policy_lane_not_allowed")
            caller.call("3", Body.chat())
            #expect(try await caller.end(of: "3").kind == "result")
        }
    }

    // MARK: Features

    @Test("A feature gives its calls a lane and a deadline, unless they name their own")
    func featureDefaults() async throws {
        let more = ["features:", "  - {name: reply, lane: interactive, deadline: 50ms}"]
        try await House.with(Setup(more: more)) { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=hang"), #""feature":"reply""#)
            let expired = try await caller.end(of: "1")
            #expect(expired.code == "policy_deadline_exceeded")
            #expect(expired.string("message")?.contains("50 ms") == true)
            caller.call("2", Body.chat(), #""feature":"reply","deadline_ms":60000"#)
            #expect(try await caller.end(of: "2").kind == "result")
            caller.call("3", Body.chat(), #""feature":"reply","lane":"backfill","deadline_ms":60000"#)
            #expect(try await caller.end(of: "3").kind == "result")
            let metrics = try await house.metrics()
            let calls = #"sluice_calls_total{pool="all",lane="\#("interactive")",endpoint="chat/completions",outcome="#
            #expect(metric(calls + #""policy_deadline_exceeded"}"#, in: metrics) == 1)
            #expect(metric(calls + #""ok"}"#, in: metrics) == 1)
            let backfill = calls.replacing("interactive", with: "backfill")
            #expect(metric(backfill + #""ok"}"#, in: metrics) == 1)
        }
    }

    @Test("A feature's lane is the plan's to allow, and the refusal is counted in that lane")
    func featureLaneRefused() async throws {
        let more = [
            "plans:", "  - {name: trial, lanes: [normal]}", "default_plan: trial", "features:",
            "  - {name: reply, lane: interactive}",
        ]
        try await House.with(Setup(more: more)) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat(), #""feature":"reply""#)
            #expect(try await caller.end(of: "1").code == "policy_lane_not_allowed")
            let refused = #"sluice_calls_total{pool="none",lane="interactive",endpoint="chat/completions","#
            #expect(metric(refused + #"outcome="policy_lane_not_allowed"}"#, in: try await house.metrics()) == 1)
        }
    }

    @Test("A feature's attempts in flight are bounded; others pass it by, and its next goes when one ends")
    func bulkhead() async throws {
        let more = ["features:", "  - {name: nightly, max_in_flight: 1}"]
        try await House.with(Setup(more: more)) { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=hang"), #""feature":"nightly""#)
            try await house.underWay(1)
            caller.call("2", Body.chat(), #""feature":"nightly""#)
            _ = try await caller.next("queued", "2")
            caller.call("3", Body.chat())
            #expect(try await caller.end(of: "3").kind == "result")
            #expect(try await !caller.hasMore(of: "2"))
            caller.cancel("1")
            #expect(try await caller.end(of: "2").kind == "result")
        }
    }

    // MARK: More names than there is room for

    @Test("Tenants beyond limits.tenants are served, share one queue, and keep the lanes of their own plan")
    func manyTenants() async throws {
        let more = [
            "plans:", "  - {name: trial, lanes: [batch]}", "tenants:", "  - {name: \"trial-*\", plan: trial}",
        ]
        let setup = Setup(limits: ["tenants: 2"], pool: ["max_in_flight: 1"], more: more)
        try await House.with(setup) { house in
            let caller = try house.connect()
            for number in 0..<50 {
                caller.call("\(number)", Body.chat(), #""tenant":"t-\#(number)""#)
                #expect(try await caller.end(of: "\(number)").kind == "result")
            }
            // A name that comes late is not a way round its plan.
            caller.call("late", Body.chat(), #""tenant":"trial-1","lane":"interactive""#)
            #expect(try await caller.end(of: "late").code == "policy_lane_not_allowed")
            caller.call("late", Body.chat(), #""tenant":"trial-1","lane":"batch""#)
            #expect(try await caller.end(of: "late").kind == "result")
        }
    }

    @Test("Features beyond limits.features are served, with their lane but without a bulkhead of their own")
    func manyFeatures() async throws {
        let more = ["features:", "  - {name: late, lane: backfill, max_in_flight: 1}"]
        try await House.with(Setup(limits: ["features: 1"], more: more)) { house in
            let caller = try house.connect()
            for number in 0..<10 {
                caller.call("\(number)", Body.chat(), #""feature":"f-\#(number)""#)
                #expect(try await caller.end(of: "\(number)").kind == "result")
            }
            caller.call("late", Body.chat(), #""feature":"late""#)
            #expect(try await caller.end(of: "late").kind == "result")
            let series = #"sluice_calls_total{pool="all",lane="backfill",endpoint="chat/completions",outcome="ok"}"#
            #expect(metric(series, in: try await house.metrics()) == 1)
        }
    }
}
