import Testing

@testable import SluiceConfig

@Suite("Lanes, plans and tenants")
struct LaneAndPlanTests {
    @Test("the lanes' defaults are those of the policy core")
    func laneDefaults() throws {
        let lanes = try parse("").lanes
        #expect(LaneName.allCases.map { lanes[$0].share } == [16, 4, 2, 1])
        #expect(LaneName.allCases.map { lanes[$0].maxInFlightPercent } == [100, 100, 90, 80])
        #expect(LaneName.allCases.map { lanes[$0].reservePercent } == [0, 25, 50, 75])
        #expect(LaneName.allCases.map { lanes[$0].shedTarget } == [.seconds(1), nil, nil, nil])
        #expect(LaneName.allCases.map { lanes[$0].shedInterval } == Array(repeating: .seconds(10), count: 4))
        #expect(LaneName.allCases.map { lanes[$0].waitsForBreaker } == [false, false, true, true])
        #expect(LaneName.allCases.map { lanes[$0].retryWindow } == [.seconds(10), nil, nil, nil])
    }

    @Test("what a lane does not say keeps that lane's own default")
    func laneOverride() throws {
        let lanes = try parse("lanes: {interactive: {shed_target: off}, batch: {share: 9}}\n").lanes
        #expect(lanes.interactive.shedTarget == nil)
        #expect(lanes.interactive.retryWindow == .seconds(10))
        #expect(lanes.batch.share == 9)
        #expect(lanes.batch.reservePercent == 50)
    }

    @Test("without plans every tenant has weight 1, all lanes and no ceiling", arguments: [nil, "acme"])
    func noPlans(_ tenant: String?) throws {
        let plan = try parse("").plan(forTenant: tenant)
        #expect(plan.plan == nil)
        #expect(plan.weight == 1)
        #expect(plan.lanes == LaneName.allCases)
        #expect(
            [plan.requestsPerMinute, plan.tokensPerMinute, plan.maxInFlight, plan.queueCalls] == [nil, nil, nil, nil])
    }

    @Test("a tenant's own values go over its plan's")
    func overrides() throws {
        let configuration = try parse(
            """
            plans:
              - {name: free, requests_per_minute: 60, tokens_per_minute: 9000, lanes: [batch]}
              - {name: gold, weight: 10, max_in_flight: 5, queue_calls: 7}
            default_plan: free
            tenants:
              - {name: acme, plan: gold, max_in_flight: 9, lanes: [interactive, batch], tokens_per_minute: 1}
              - {name: "acme-?", weight: 3}
            """)
        #expect(
            configuration.plan(forTenant: "acme")
                == TenantPlan(
                    plan: "gold", weight: 10, lanes: [.interactive, .batch], requestsPerMinute: nil,
                    tokensPerMinute: 1, maxInFlight: 9, queueCalls: 7))
        let pattern = configuration.plan(forTenant: "acme-x")
        #expect(pattern.plan == "free")
        #expect(pattern.weight == 3)
        #expect(pattern.requestsPerMinute == 60)
        #expect(pattern.allows(.batch) && !pattern.allows(.interactive))
    }

    @Test("a tenant without an entry, and calls without a tenant, have the default plan", arguments: [nil, "other"])
    func defaultPlan(_ tenant: String?) throws {
        let configuration = try parse("plans: [{name: free, max_in_flight: 2}]\ndefault_plan: free\n")
        #expect(configuration.plan(forTenant: tenant).maxInFlight == 2)
    }

    @Test("the first entry that matches counts, and a name that looks like a number is quoted")
    func precedence() throws {
        let configuration = try parse(
            "tenants: [{name: \"42\", weight: 2}, {name: \"4?\", weight: 3}, {name: \"*\", weight: 4}]\n")
        #expect(["42", "43", "4", "a b"].map { configuration.plan(forTenant: $0).weight } == [2, 3, 4, 4])
    }

    @Test("what the policy core must know about a pool arrives")
    func pools() throws {
        let pool = try #require(
            parse("pools: [{name: p, models: [m], images_per_minute: 3, requests_per_day: 4, tokens_per_day: 5}]\n")
                .pools.first)
        #expect([pool.imagesPerMinute, pool.requestsPerDay, pool.tokensPerDay] == [3, 4, 5])
        #expect(pool.initialInFlight == 64)
    }
}
