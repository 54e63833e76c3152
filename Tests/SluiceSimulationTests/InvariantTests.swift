import SluicePolicy
import Testing

@testable import SluiceSimulation

/// A check that cannot fail checks nothing: each is shown a run that breaks its rule, and one that just keeps it.
@Suite("Checks that can fail")
struct InvariantTests {
    private static func scenario(weights: [Int] = [1, 1]) -> Scenario {
        var scenario = Scenario()
        scenario.pools = [PoolPlan()]
        scenario.pools[0].parameters.limits.requestsPerMinute = 60
        scenario.pools[0].parameters.limits.tokensPerMinute = 6_000
        scenario.tenants = weights.enumerated().map {
            TenantPlan(name: "t\($0.offset)", parameters: TenantParameters(weight: $0.element))
        }
        return scenario
    }

    private static func call(_ tenant: Int, serial: Int = 0, deadline: Int64 = 60_000_000) -> LiveCall {
        let call = WorkloadCall(
            source: 0, number: serial, tenant: tenant, feature: nil, pool: 0, lane: .normal, endpoint: 0,
            inputTokens: 50, outputTokens: 50, maxTokens: 50, images: 0, bytes: 200, deadline: deadline,
            isStream: false, fallbacks: [], isClosed: false)
        let cost = CallCost(tokens: 100)
        return LiveCall(
            call: call, serial: serial, arrivedAt: 0, deadlineAt: deadline, cost: cost, costs: [cost],
            pool: PoolID(index: 0))
    }

    @Test("A window holds the limit and the burst of requests, and not one more")
    func requestWindow() {
        var window = WindowCheck(PoolLimits(requestsPerMinute: 60))
        // 60, and five seconds of 57 a minute.
        for second in 0..<64 {
            let complaint = window.sent(CallCost(tokens: 0), at: Int64(second) * 900_000)
            #expect(complaint == nil)
        }
        let complaint = window.sent(CallCost(tokens: 0), at: 58_000_000)
        #expect(complaint != nil)
    }

    @Test("What is older than a minute no longer counts, and what was given back may be sent again")
    func tokenWindow() {
        var window = WindowCheck(PoolLimits(tokensPerMinute: 6_000))
        var complaints = [window.sent(CallCost(tokens: 6_000), at: 0)]
        complaints.append(window.sent(CallCost(tokens: 6_000), at: 60_000_000))
        window.gaveBack(tokens: 3_000, at: 61_000_000)
        complaints.append(window.sent(CallCost(tokens: 3_000), at: 62_000_000))
        complaints.append(window.sent(CallCost(tokens: 6_000), at: 63_000_000))
        complaints.append(window.sent(CallCost(tokens: 1), at: 64_000_000))
        #expect(complaints.map { $0 == nil } == [true, true, true, true, false])
    }

    @Test("Two tenants that both wait may differ by one call of each, and not by more")
    func fairness() {
        var check = FairnessCheck(Self.scenario(), pools: 1)
        check.isOn = true
        for _ in 0..<5 { for tenant in [0, 1] { check.queued(Self.call(tenant), charge: 100) } }
        let complaints = (0..<3).map { _ in check.sent(Self.call(0), charge: 100) }
        #expect(complaints.map { $0 == nil } == [true, true, false])
    }

    @Test("A tenant of weight three is due three times as much")
    func weightedFairness() {
        var check = FairnessCheck(Self.scenario(weights: [3, 1]), pools: 1)
        check.isOn = true
        for _ in 0..<9 { for tenant in [0, 1] { check.queued(Self.call(tenant), charge: 100) } }
        let fair = [0, 0, 0, 1, 0, 0, 0, 1].map { check.sent(Self.call($0), charge: 100) }
        #expect(fair.allSatisfy { $0 == nil })
        // The light one takes four in a row: 4 / 1 against 0 / 3.
        let complaints = (0..<4).map { _ in check.sent(Self.call(1), charge: 100) }
        #expect(complaints.contains { $0 != nil })
    }

    @Test("Who has nothing waiting is owed nothing")
    func idleFairness() {
        var check = FairnessCheck(Self.scenario(), pools: 1)
        check.isOn = true
        for _ in 0..<9 { check.queued(Self.call(0), charge: 100) }
        var complaints = (0..<8).map { _ in check.sent(Self.call(0), charge: 100) }
        check.queued(Self.call(1), charge: 100)
        complaints.append(check.sent(Self.call(1), charge: 100))
        #expect(complaints.allSatisfy { $0 == nil })
    }

    @Test("Quota use counts only seconds in which somebody could have gone")
    func quotaUse() {
        var check = QuotaUseCheck(PoolLimits(requestsPerMinute: 60))
        check.queued(5)
        check.second(couldGo: true)
        for _ in 0..<10 {
            check.sent(CallCost(tokens: 0))
            check.second(couldGo: true)
        }
        // One a second of 57 a minute.
        #expect(check.seconds == 10 && check.perMille == 1052)
        for _ in 0..<10 { check.second(couldGo: true) }
        #expect(check.perMille == 526)
        check.second(couldGo: false)
        for _ in 0..<10 { check.second(couldGo: false) }
        #expect(check.seconds == 21 - 1)
    }

    @Test("A lane that gets less than its share while all lanes wait is found")
    func laneShares() {
        for (batch, isFine) in [(20, true), (5, false)] {
            var scenario = Self.scenario()
            var plan = TrafficPlan()
            for lane in [PolicyLane.interactive, .batch] {
                plan.lane = lane
                scenario.traffic.append(plan)
            }
            var check = LaneShareCheck(scenario)
            check.queued(.interactive, 9)
            check.queued(.batch, 9)
            check.second()
            for _ in 0..<130 {
                check.sent(.interactive, charge: 160)
                check.sent(.batch, charge: batch)
                check.second()
            }
            #expect((check.complaint == nil) == isFine)
        }
    }

    @Test("A call that ends late, twice or never is found")
    func ends() {
        var ledger = Ledger(Self.scenario(), planOfPool: [0])
        ledger.admitted(Self.call(0), charge: 100, at: 0)
        ledger.ended(Self.call(0), at: 60_000_001)
        #expect(ledger.violations.map(\.invariant) == [.deadline])
        ledger.admitted(Self.call(1, serial: 1), charge: 100, at: 60_000_001)
        ledger.closed(live: 0, unended: 1)
        #expect(ledger.violations.map(\.invariant) == [.deadline, .drained, .endsOnce])
        ledger.expired(nil, attempts: 0, inFlight: false, at: 61_000_000)
        #expect(ledger.violationCount == 4)
    }

    @Test("A timer that fires for ever is given up")
    func timers() {
        var ledger = Ledger(Self.scenario(), planOfPool: [0])
        var goesOn = ledger.ticked(wake: 5, before: 4, now: 5)
        #expect(goesOn && ledger.violations.map(\.invariant) == [.timers])
        for _ in 0..<200_000 where goesOn { goesOn = ledger.ticked(wake: nil, before: 5, now: 5) }
        #expect(!goesOn)
    }

    @Test("What is kept of many violations is bounded, and all are counted")
    func bound() {
        var ledger = Ledger(Self.scenario(), planOfPool: [0])
        for _ in 0..<1_000 { ledger.fail(.endsOnce, "again") }
        #expect(ledger.violations.count == Ledger.kept && ledger.violationCount == 1_000)
    }
}
