import SluicePolicy

/// Workloads drawn from a seed, of the kinds that the invariants speak about.
enum ChaosKind: String, CaseIterable, Sendable {
    /// Anything with anything: faults, lies, other hosts, ceilings, bulkheads, fallbacks, cancels, several keys.
    case anything
    /// An honest provider, and calls whose size is known beforehand, always more of them than the quota takes.
    case saturated
    /// An honest provider, and estimates that are off.
    case honest
    /// A provider that is down from start to end.
    case outage
    /// Quiet tenants, with and without one that runs away.
    case runaway
    /// Chat, with and without a flood of batch calls.
    case flood

    /// Half of all seeds are of the first kind; the rest is shared out.
    init(seed: UInt64) {
        switch seed % 10 {
        case 1: self = .saturated
        case 3: self = .honest
        case 5: self = .outage
        case 7: self = .runaway
        case 9: self = .flood
        default: self = .anything
        }
    }
}

/// Draws scenarios. Everything is bounded so that an hour of any of them is at most some 100,000 calls.
struct ChaosMaker {
    var random: SeededRandom
    let duration: Int64

    init(seed: UInt64, duration: Int64) {
        random = SeededRandom(seed: seed, path: 5)
        self.duration = duration
    }

    /// A scenario of a kind; `disturbed` adds the runaway or the flood to the kinds that are run twice.
    mutating func make(_ kind: ChaosKind, disturbed: Bool = false) -> Scenario {
        var scenario = Scenario()
        scenario.name = kind.rawValue
        scenario.durationMicroseconds = duration
        switch kind {
        case .anything: anything(&scenario)
        case .saturated: saturated(&scenario)
        case .honest: honest(&scenario)
        case .outage: outage(&scenario)
        case .runaway: runaway(&scenario, disturbed)
        case .flood: flood(&scenario, disturbed)
        }
        return scenario
    }

    // MARK: Kinds

    private mutating func saturated(_ scenario: inout Scenario) {
        scenario.policy.lanes[0].shedTargetMicroseconds = nil
        scenario.pools = [pool(requests: random.pick(120...700), tokensPerRequest: random.pick(100...900))]
        scenario.pools[0].provider.firstToken = .uniform(100_000, 900_000)
        scenario.pools[0].provider.tokensPerSecond = 2000
        scenario.tenants = (0..<random.pick(2...8)).map { index in
            TenantPlan(name: "t\(index)", parameters: TenantParameters(weight: random.element([1, 1, 2, 5, 10])))
        }
        let lanes = PolicyLane.allCases.filter { _ in random.percent(60) }
        for lane in lanes.isEmpty ? [.normal] : lanes {
            for tenant in scenario.tenants.indices {
                var plan = traffic(tenant, lane)
                plan.arrivals = .closed(callers: random.pick(10...18), think: .constant(1_000))
                plan.inputTokens = .uniform(20, Double(random.pick(40...1500)))
                let output = Double(random.pick(10...400))
                (plan.outputTokens, plan.maxTokens) = (.constant(output), .constant(output))
                plan.deadline = .constant(20_000e6)
                scenario.traffic.append(plan)
            }
        }
    }

    private mutating func honest(_ scenario: inout Scenario) {
        scenario.pools = [pool(requests: random.pick(60...900), tokensPerRequest: random.pick(100...900))]
        scenario.tenants = tenants(1...6)
        for tenant in scenario.tenants.indices { scenario.traffic.append(anyTraffic(tenant, scenario)) }
        scenario.traffic.append(anyTraffic(nil, scenario))
    }

    private mutating func outage(_ scenario: inout Scenario) {
        scenario.pools = [pool(requests: random.pick(60...3000), tokensPerRequest: 400)]
        scenario.pools[0].provider.schedule = [
            ProviderChange(
                from: 0, until: .max, percent: 100, kind: random.element([.refuse, .error, .overloaded, .hang]))
        ]
        scenario.tenants = tenants(1...10)
        for tenant in scenario.tenants.indices { scenario.traffic.append(anyTraffic(tenant, scenario)) }
    }

    private mutating func runaway(_ scenario: inout Scenario, _ disturbed: Bool) {
        let requests = random.pick(200...600)
        scenario.pools = [pool(requests: requests, tokensPerRequest: 400)]
        let quiet = random.pick(4...12)
        scenario.tenants = (0...quiet).map { TenantPlan(name: $0 == quiet ? "runaway" : "quiet-\($0)") }
        let lane = random.element([PolicyLane.interactive, .normal])
        // Quiet is who offers at most half of its fair part.
        let load = random.element([0.2, 0.3, 0.4])
        for tenant in 0..<quiet {
            var plan = exact(tenant, lane)
            plan.arrivals = .poisson(perMinute: Double(requests) * load / Double(quiet))
            scenario.traffic.append(plan)
        }
        guard disturbed else { return }
        var plan = exact(quiet, lane)
        plan.fromMicroseconds = 30_000_000
        plan.arrivals = .poisson(perMinute: Double(requests) * 2)
        scenario.traffic.append(plan)
    }

    private mutating func flood(_ scenario: inout Scenario, _ disturbed: Bool) {
        let requests = random.pick(200...800)
        scenario.pools = [pool(requests: requests, tokensPerRequest: 400)]
        scenario.tenants = (0..<4).map { TenantPlan(name: "people-\($0)") } + [TenantPlan(name: "job")]
        let load = random.element([0.2, 0.4, 0.6])
        for tenant in 0..<4 {
            var plan = exact(tenant, .interactive)
            plan.arrivals = .poisson(perMinute: Double(requests) * load / 4)
            scenario.traffic.append(plan)
        }
        guard disturbed else { return }
        var plan = exact(4, random.element([.batch, .backfill]))
        plan.arrivals = .closed(callers: 150, think: .constant(10_000))
        plan.deadline = .constant(20_000e6)
        scenario.traffic.append(plan)
    }

    // MARK: Parts

    mutating func pool(requests: Int, tokensPerRequest: Int) -> PoolPlan {
        var plan = PoolPlan()
        plan.parameters.limits.requestsPerMinute = requests
        plan.parameters.limits.tokensPerMinute = requests * tokensPerRequest
        plan.provider.limits = ProviderLimits(
            requestsPerMinute: requests, tokensPerMinute: requests * tokensPerRequest)
        plan.provider.firstToken = .logNormal(
            median: Double(random.pick(50...1000)) * 1000, sigma: random.element([0, 0.3, 0.8]), most: 60e6)
        plan.provider.tokensPerSecond = Double(random.pick(30...400))
        return plan
    }

    mutating func tenants(_ range: ClosedRange<Int>) -> [TenantPlan] {
        (0..<random.pick(range)).map { index in
            TenantPlan(name: "t\(index)", parameters: TenantParameters(weight: random.element([1, 1, 1, 3, 10])))
        }
    }

    private func traffic(_ tenant: Int?, _ lane: PolicyLane) -> TrafficPlan {
        var plan = TrafficPlan()
        plan.tenant = tenant
        plan.lane = lane
        return plan
    }

    /// Calls whose reservation is exactly what they use, at most the pool's mean size.
    private mutating func exact(_ tenant: Int, _ lane: PolicyLane) -> TrafficPlan {
        var plan = traffic(tenant, lane)
        plan.inputTokens = .uniform(100, 300)
        (plan.outputTokens, plan.maxTokens) = (.constant(100), .constant(100))
        plan.deadline = .constant(60e6)
        return plan
    }

    mutating func anyTraffic(_ tenant: Int?, _ scenario: Scenario) -> TrafficPlan {
        var plan = traffic(tenant, random.element(PolicyLane.allCases))
        plan.pool = random.index(below: scenario.pools.count)
        plan.feature = scenario.features.isEmpty || random.percent(50) ? nil : 0
        plan.endpoint = random.element([0, 0, 2])
        plan.arrivals = arrivals()
        plan.inputTokens = .logNormal(median: Double(random.pick(20...800)), sigma: 0.7, most: 6000)
        plan.outputTokens = .logNormal(median: Double(random.pick(5...400)), sigma: 0.6, most: 2000)
        plan.maxTokens = random.element([nil, .constant(Double(random.pick(50...1000)))])
        plan.bytesPerToken = random.element([2, 4, 4, 6])
        plan.deadline = .constant(random.element([0.5e6, 5e6, 20e6, 120e6, 900e6]))
        plan.isStream = random.percent(40)
        plan.cancelPercent = random.element([0, 0, 5])
        return plan
    }

    private mutating func arrivals() -> ArrivalProcess {
        let rate = Double(random.pick(5...200))
        switch random.pick(0...9) {
        case 0...3: return .poisson(perMinute: rate)
        case 4: return .constant(perMinute: rate)
        case 5:
            let times = (0..<random.pick(1...5)).map { _ in Int64(random.unit() * Double(duration)) }.sorted()
            return .bursts(at: times, calls: random.pick(10...200), overMicroseconds: random.element([0, 5_000_000]))
        case 6: return .onOff(perMinute: rate * 3, on: 20_000_000, off: 60_000_000)
        default:
            return .closed(callers: random.pick(1...40), think: .exponential(mean: random.element([0.2e6, 5e6])))
        }
    }
}
