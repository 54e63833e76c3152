import SluicePolicy

extension ChaosMaker {
    /// A scenario in which everything may be wrong at once.
    mutating func anything(_ scenario: inout Scenario) {
        scenario.policy = policy()
        scenario.pools = (0..<random.pick(1...3)).map { anyPool($0) }
        scenario.tenants = (0..<random.pick(0...8)).map { TenantPlan(name: "t\($0)", parameters: anyTenant()) }
        if random.percent(40) {
            let most = random.element([1, 3, 20])
            scenario.features = [FeaturePlan(name: "f", parameters: FeatureParameters(maxInFlight: most))]
        }
        for _ in 0..<random.pick(1...8) {
            let tenant = scenario.tenants.isEmpty ? nil : random.index(below: scenario.tenants.count)
            var plan = anyTraffic(tenant, scenario)
            if random.percent(30) { plan.fallbacks = fallbacks(scenario) }
            scenario.traffic.append(plan)
        }
    }

    private mutating func policy() -> PolicyParameters {
        var policy = PolicyParameters()
        policy.retries.maxAttempts = random.pick(1...5)
        policy.retries.baseMicroseconds = random.element([1_000, 200_000])
        policy.retries.budgetPercent = random.element([0, 20, 100])
        policy.retries.budgetPerSecond = random.element([0, 1, 5])
        for lane in policy.lanes.indices {
            if random.percent(30) { policy.lanes[lane].share = random.pick(1...20) }
            if random.percent(30) { policy.lanes[lane].reservePercent = random.element([0, 50, 100]) }
            if random.percent(30) { policy.lanes[lane].maxInFlightPercent = random.element([1, 30, 100]) }
            if random.percent(20) { policy.lanes[lane].shedTargetMicroseconds = random.element([nil, 200_000]) }
            if random.percent(20) { policy.lanes[lane].waitsForBreaker.toggle() }
        }
        policy.breaker.minimumCalls = random.element([1, 5, 20])
        policy.breaker.failurePercent = random.element([1, 50, 100])
        policy.breaker.slowMicroseconds = random.element([nil, 3_000_000, 60_000_000])
        return policy
    }

    private mutating func anyPool(_ index: Int) -> PoolPlan {
        var plan = pool(requests: random.element([1, 3, 60, 600]), tokensPerRequest: random.element([10, 300, 900]))
        plan.name = "p\(index)"
        plan.keys = random.element([1, 1, 1, 2, 3])
        if random.percent(20) { plan.parameters.limits.requestsPerMinute = nil }
        if random.percent(20) { plan.parameters.limits.tokensPerMinute = nil }
        if random.percent(10) { plan.parameters.limits.requestsPerDay = random.element([5, 500]) }
        if random.percent(10) { plan.parameters.limits.tokensPerDay = random.element([5_000, 500_000]) }
        plan.parameters.limits.maxInFlight = random.element([1, 2, 10, 256])
        plan.parameters.initialInFlight = random.element([1, 64])
        plan.parameters.queueCalls = random.element([0, 1, 20, 10_000])
        plan.parameters.queueBytes = random.element([500, 1 << 30])
        plan.firstByteTimeoutMicroseconds = random.element([5_000_000, 120_000_000])
        for _ in 0..<random.pick(0...4) { plan.provider.schedule.append(change()) }
        return plan
    }

    private mutating func change() -> ProviderChange {
        let from = Int64(random.unit() * Double(duration))
        let span = Int64(random.unit() * Double(duration) / 3)
        let percent = random.element([5.0, 30, 100])
        let kinds: [ProviderChange.Kind] = [
            .refuse, .error, .overloaded, .hang, .cut, .slow(factor: 5), .slowDown, .quotaExhausted, .noHeaders,
            .zeroRemaining, .limitLie(percent: 50), .limitLie(percent: 200), .limitLie(percent: 0),
            .limits(ProviderLimits(requestsPerMinute: random.pick(1...100), tokensPerMinute: random.pick(500...9000))),
            .limits(ProviderLimits()), .otherHosts(requestsPerMinute: random.pick(1...400), tokensPerMinute: 20_000),
        ]
        return ProviderChange(from: from, until: from + span, percent: percent, kind: random.element(kinds))
    }

    private mutating func anyTenant() -> TenantParameters {
        TenantParameters(
            weight: random.element([1, 1, 5, 1000]), requestsPerMinute: random.element([nil, nil, 1, 30]),
            tokensPerMinute: random.element([nil, nil, 100, 20_000]), maxInFlight: random.element([nil, nil, 1, 4]),
            queueCalls: random.element([nil, nil, 0, 3]))
    }

    private mutating func fallbacks(_ scenario: Scenario) -> [FallbackPlan] {
        (0..<random.pick(1...3)).map { _ in
            FallbackPlan(
                pool: random.index(below: scenario.pools.count),
                triggers: FallbackTriggers(rawValue: UInt8(random.pick(1...31))))
        }
    }
}
