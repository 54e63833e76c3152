@testable import SluicePolicy

/// What a seed sets up, and what it changes while calls wait.
extension Simulation {
    static func parameters(_ random: inout SeededRandom) -> PolicyParameters {
        let retries = RetryPolicy(
            maxAttempts: random.pick(1...5), baseMicroseconds: Int64(random.element([0, 1_000, 200_000])),
            budgetPercent: random.element([0, 20, 100]), budgetPerSecond: random.element([0, 1, 5]))
        let isDefault = random.percent(40)
        let lanes = LaneParameters.defaults.map { lane in isDefault ? lane : Self.lane(&random) }
        let breaker = BreakerParameters(
            isEnabled: random.percent(80), windowMicroseconds: random.element([60_000_000, 1_000_000]),
            minimumCalls: random.element([1, 5, 20]), failurePercent: random.element([10, 50, 100]),
            slowMicroseconds: random.element([nil, 60_000_000, 1_000_000]),
            openMicroseconds: random.element([100_000, 5_000_000]), probes: random.element([[1, 3], [1], [2, 2]]))
        return PolicyParameters(retries: retries, lanes: lanes, breaker: breaker)
    }

    private static func lane(_ random: inout SeededRandom) -> LaneParameters {
        LaneParameters(
            share: random.element([1, 2, 16, 1_000]), maxInFlightPercent: random.element([100, 90, 50, 1]),
            reservePercent: random.element([0, 0, 25, 75, 100]),
            shedTargetMicroseconds: random.element([nil, 1_000_000, 10_000]),
            shedIntervalMicroseconds: random.element([10_000_000, 100_000]), waitsForBreaker: random.percent(50),
            retryWindowMicroseconds: random.element([nil, 10_000_000]))
    }

    static func pool(_ random: inout SeededRandom) -> PoolParameters {
        let isDaily = random.percent(15)
        let limits = PoolLimits(
            requestsPerMinute: random.element([nil, 1, 3, 60, 500]),
            tokensPerMinute: random.element([nil, 9_000, 10_000, 60_000, 1_000_000]),
            imagesPerMinute: random.element([nil, nil, 5, 100]),
            requestsPerDay: isDaily ? random.element([nil, 20, 300]) : nil,
            tokensPerDay: isDaily ? random.element([nil, 50_000]) : nil, maxInFlight: random.element([1, 2, 10, 256]))
        return PoolParameters(
            limits: limits, queueCalls: random.element([0, 1, 20, 200]), queueBytes: random.element([500, 1 << 30]),
            initialInFlight: random.element([1, 63, 64]))
    }

    static func tenant(_ random: inout SeededRandom) -> TenantParameters {
        TenantParameters(
            weight: random.element([1, 1, 3, 1_000]), requestsPerMinute: random.element([nil, nil, nil, 1, 60]),
            tokensPerMinute: random.element([nil, nil, nil, 10_000]), maxInFlight: random.element([nil, nil, 1, 4]),
            queueCalls: random.element([nil, nil, 0, 5]))
    }

    static func feature(_ random: inout SeededRandom) -> FeatureParameters {
        FeatureParameters(maxInFlight: random.element([nil, 1, 3]))
    }

    mutating func reconfigure() {
        var effects: [Effect] = []
        switch random.pick(0...3) {
        case 0:
            let index = random.pick(0...pools.count - 1)
            var settings = Self.pool(&random)
            settings.initialInFlight = pools[index].settings.initialInFlight
            pools[index].reconfigure(settings, at: now)
            engine.reconfigure(PoolID(index: index), settings, at: at(now), into: &effects)
        case 1:
            let index = random.pick(0...tenants.count - 1)
            let tenant = Self.tenant(&random)
            tenants[index].reconfigure(tenant, at: now)
            engine.reconfigure(TenantID(index: index), tenant, at: at(now), into: &effects)
        case 2:
            let index = random.pick(0...features.count - 1)
            features[index] = Self.feature(&random)
            engine.reconfigure(FeatureID(index: index), features[index], at: at(now), into: &effects)
        default:
            let old = parameters.retries
            parameters = Self.parameters(&random)
            engine.reconfigure(parameters, at: at(now), into: &effects)
            guard old != parameters.retries else { break }
            for kind in budgets.indices {
                for index in budgets[kind].indices { budgets[kind][index].reset(at: now) }
            }
        }
        finish(effects)
    }

    mutating func arrive() {
        let arrival = draw()
        let couldGo = groups[arrival.group.index].map { self.couldGo(arrival, $0) }
        let before = pools
        var effects: [Effect] = []
        do throws(Refusal) {
            let id = try engine.arrive(arrival, at: at(now), into: &effects)
            if arrival.deadline.microseconds <= now { fail("admitted after its deadline") }
            admitted += 1
            let record = engine.calls[id]
            let call = ModelCall(
                arrival: arrival, sequence: admitted, arrivedAt: now,
                pool: place(of: id, arrival, route: record?.route ?? 0), route: record?.route ?? 0,
                cost: record?.cost ?? arrival.cost, queuedAt: now)
            if calls.updateValue(call, forKey: id) != nil { fail("name \(id) given twice") }
            pools[call.pool].enqueue(id, call)
            checkPlace(call)
            finish(effects, mayHaveMoved: !arrival.fallbacks.isEmpty)
            let told = effects.contains { if case .queued(id, _, _) = $0 { true } else { false } }
            let isQueued = calls[id]?.state == .queued
            if isQueued && !told { fail("queued and not told") }
            // A call whose key is refused may wait elsewhere instead.
            if couldGo == [true], arrival.fallbacks.isEmpty, isQueued { fail("could go at once and was queued") }
            if random.percent(5) { agenda.add(.cancel(id), at: now + Int64(random.pick(0...30_000_000))) }
        } catch {
            trace?.add(error)
            if couldGo.contains(true) { fail("could go and was refused: \(error)") }
            if !groups[arrival.group.index].contains(where: { isTrue(error, arrival, before[$0], $0) }) {
                fail("refused for no reason: \(error)")
            }
            if !effects.isEmpty { fail("refused with effects") }
        }
    }

    private mutating func draw() -> Arrival {
        let patience = random.element([1, 2_000, 4_000_000, 60_000_000, 3_600_000_000])
        var fallbacks: [FallbackRoute] = []
        if random.percent(25) {
            for _ in 0..<random.pick(1...3) {
                fallbacks.append(
                    FallbackRoute(
                        group: GroupID(index: random.pick(0...groups.count - 1)), cost: cost(),
                        triggers: FallbackTriggers(rawValue: UInt8(random.pick(0...31)))))
            }
        }
        return Arrival(
            group: GroupID(index: random.pick(0...groups.count - 1)),
            lane: random.element(PolicyLane.allCases), tenant: TenantID(index: random.pick(0...tenants.count - 1)),
            feature: FeatureID(index: random.pick(0...features.count - 1)), endpoint: random.pick(0...2), cost: cost(),
            bytes: random.pick(0...300), deadline: at(now + Int64(random.pick(0...patience))), fallbacks: fallbacks)
    }

    private mutating func cost() -> CallCost {
        CallCost(
            tokens: random.element([0, 1, 100, 900, random.pick(0...Self.largestCost)]),
            images: random.percent(10) ? random.pick(1...5) : 0)
    }
}
