@testable import SluicePolicy
import Testing

@Suite struct FairnessTests {
    /// One party of a backlog: a tenant, or a lane.
    private struct Party {
        var lane = PolicyLane.normal
        var tenant = TenantID.shared
        var weight: Int
        var cost: ClosedRange<Int>
        var served = 0.0
        /// |reserved − used| of what is in flight, and its highest value.
        var open = 0
        var mostOpen = 0
    }

    /// Keeps `parties` backlogged and answers with the spread of W₁/w₁ − W₂/w₂ between the first two over all
    /// intervals, W being what was reserved for attempts in flight and used by those that ended.
    private func spread(_ given: [Party], engine start: PolicyEngine, isExact: Bool, seed: UInt64, calls: Int)
        -> (spread: Double, parties: [Party])
    {
        var (engine, random, parties) = (start, SeededRandom(seed: seed), given)
        let pool = engine.addPool(PoolParameters(limits: PoolLimits(tokensPerMinute: 60_000)), at: at(0))
        let group = engine.addGroup([pool])
        var running: [(id: CallID, party: Int, cost: Int, used: Int)] = []
        var info: [CallID: (party: Int, cost: Int)] = [:]
        var (now, sent, widest, low, high) = (Int64(0), 0, 0.0, Double.infinity, -Double.infinity)
        var waiting = [Int](repeating: 0, count: parties.count)
        var pending = parties.indices.flatMap { [Int](repeating: $0, count: 40) }
        func note() {
            let value = parties[0].served / Double(parties[0].weight) - parties[1].served / Double(parties[1].weight)
            (low, high) = (min(low, value), max(high, value))
        }
        while sent < calls {
            let before = (low, high)
            var effects: [Effect] = []
            if let index = pending.popLast() {
                let cost = random.pick(parties[index].cost)
                let arrival = Arrival(
                    group: group, lane: parties[index].lane, tenant: parties[index].tenant,
                    cost: CallCost(tokens: cost), bytes: 1, deadline: .never)
                if let id = try? engine.arrive(arrival, at: at(now), into: &effects) { info[id] = (index, cost) }
                waiting[index] += 1
            } else if !running.isEmpty, isExact || random.percent(50) {
                let done = running.remove(at: random.pick(0...running.count - 1))
                parties[done.party].open -= abs(done.cost - done.used)
                parties[done.party].served -= Double(done.cost - done.used)
                _ = engine.attemptEnded(
                    done.id, .success(usedTokens: done.used), mayRetry: true, serviceMicroseconds: 1_000, random: 0,
                    at: at(now), into: &effects)
                note()
            } else {
                now = max(now + 1, engine.nextWake?.microseconds ?? now + 1)
                engine.tick(at: at(now), into: &effects)
            }
            for case .send(let id, _) in effects {
                guard let (index, cost) = info[id] else { continue }
                let used = isExact ? cost : random.pick(0...2 * cost)
                parties[index].open += abs(cost - used)
                parties[index].mostOpen = max(parties[index].mostOpen, parties[index].open)
                running.append((id, index, cost, used))
                pending.append(index)
                parties[index].served += Double(cost)
                waiting[index] -= 1
                sent += 1
                note()
            }
            // Where one of the two has nothing that waits an interval ends.
            guard waiting[0] == 0 || waiting[1] == 0 else { continue }
            widest = max(widest, before.1 - before.0)
            (low, high) = (.infinity, -.infinity)
        }
        #expect(widest > 0 || high > low, "both waited for a while")
        return (max(widest, high - low), parties)
    }

    private func bound(_ parties: [Party], calls: Int) -> Double {
        let ends = parties[0...1].reduce(0.0) { sum, party in
            sum + (Double(party.cost.upperBound) + 2 * Double(party.mostOpen)) / Double(party.weight)
        }
        // Tags are whole parts of 1/4096 and are rounded up at each step.
        return ends + Double(2 * calls) / 4096
    }

    /// Goyal, Vin and Cheng 1996, theorem 1: over every interval in which both wait, |W₁/w₁ − W₂/w₂| ≤ L₁/w₁ + L₂/w₂.
    @Test(arguments: Seeds.range(dividedBy: 5), [true, false])
    func tenantsAreServedByWeight(seed: UInt64, isExact: Bool) {
        var random = SeededRandom(seed: seed)
        var engine = PolicyEngine(PolicyParameters(lanes: Scene.plainLanes))
        let parties = (0..<random.element([2, 2, 20])).map { _ in
            let weight = random.pick(1...random.element([3, 50, 1_000]))
            let tenant = engine.addTenant(TenantParameters(weight: weight), at: at(0))
            return Party(tenant: tenant, weight: weight, cost: 1...random.element([1, 100, 4_000]))
        }
        let result = spread(parties, engine: engine, isExact: isExact, seed: seed, calls: 800)
        let bound = bound(result.parties, calls: 800)
        #expect(result.spread <= bound, "seed \(seed): \(result.spread) over \(bound)")
    }

    @Test(arguments: Seeds.range(dividedBy: 10), [true, false])
    func lanesAreServedByShare(seed: UInt64, isExact: Bool) {
        var random = SeededRandom(seed: seed)
        let shares = (0..<4).map { _ in random.pick(1...random.element([4, 100])) }
        let engine = PolicyEngine(PolicyParameters(lanes: shares.map { LaneParameters(share: $0) }))
        let lanes = random.element([[0, 1, 2, 3], [2, 0], [3, 1, 2]])
        let parties = lanes.map { lane in
            Party(
                lane: PolicyLane(rawValue: lane) ?? .normal, weight: shares[lane],
                cost: 1...random.element([1, 100, 4_000]))
        }
        let result = spread(parties, engine: engine, isExact: isExact, seed: seed, calls: 800)
        let bound = bound(result.parties, calls: 800)
        #expect(result.spread <= bound, "seed \(seed): \(result.spread) over \(bound)")
    }

    // MARK: Neighbours

    private static let limits = PoolLimits(requestsPerMinute: 600, tokensPerMinute: 200_000)
    /// The most time that one call's quota takes, in microseconds.
    private static let callTime = 60_000_000.0 * max(1 / 570.0, 500 / 190_000.0)

    private func quiet(seed: UInt64, hasRunaway: Bool) -> Int64 {
        var load = Load(Self.limits, seed: seed)
        for _ in 0..<19 {
            let tenant = load.engine.addTenant(TenantParameters(), at: at(0))
            load.add(Load.Source(tenant: tenant, rate: 15, cost: 100...500))
        }
        if hasRunaway {
            let tenant = load.engine.addTenant(TenantParameters(), at: at(0))
            load.add(Load.Source(tenant: tenant, rate: 3_000, cost: 100...500))
        }
        load.run(seconds: 900)
        return load.percentile(99, of: 0..<19)
    }

    /// Quiet tenants that ask for half of the quota, beside one that asks for five times all of it.
    @Test(arguments: Seeds.range(dividedBy: 100))
    func aRunawayTenantCostsTheOthersLittle(seed: UInt64) {
        let (without, with) = (quiet(seed: seed, hasRunaway: false), quiet(seed: seed, hasRunaway: true))
        #expect(Double(with) <= 2 * Double(without) + Self.callTime, "\(without) µs, \(with) µs")
    }

    @Test(arguments: Seeds.range(dividedBy: 100))
    func aBatchFloodCostsTheInteractiveLaneLittle(seed: UInt64) {
        var results: [Load] = []
        for hasFlood in [false, true] {
            var load = Load(Self.limits, seed: seed)
            load.add(Load.Source(lane: .interactive, rate: 240, cost: 100...500))
            if hasFlood { load.add(Load.Source(lane: .batch, rate: 1_500, cost: 100...500)) }
            load.run(seconds: 900)
            results.append(load)
        }
        let (without, with) = (results[0].percentile(95, of: [0]), results[1].percentile(95, of: [0]))
        #expect(Double(with) <= 1.5 * Double(without) + Self.callTime)
        // What the interactive lane leaves is the batch lane's.
        let all = results[1].sends.reduce(0) { $0 + $1.tokens }
        let usable = min(190_000.0, 570.0 * 300) * 15
        #expect(Double(all) >= 0.97 * usable)
    }

    /// Both lanes backlogged: batch gets at least nine tenths of its 2 of 18 parts.
    @Test(arguments: Seeds.range(dividedBy: 100))
    func theBatchLaneGetsItsShare(seed: UInt64) {
        var lanes = LaneParameters.defaults
        lanes[0].shedTargetMicroseconds = nil
        var load = Load(Self.limits, parameters: PolicyParameters(lanes: lanes), seed: seed)
        load.add(Load.Source(lane: .interactive, rate: 1_500, cost: 100...500))
        load.add(Load.Source(lane: .batch, rate: 1_500, cost: 100...500))
        load.run(seconds: 600)
        let share = Double(load.served[1]) / Double(load.served[0] + load.served[1])
        #expect(share >= 0.9 * 2 / 18 && share <= 1.15 * 2 / 18, "\(share)")
    }

    /// Another host takes 40 % of the quota: it is found within 30 seconds, and almost nothing is refused after that.
    @Test(arguments: Seeds.range(dividedBy: 100))
    func anotherHostsUseIsFound(seed: UInt64) {
        var load = Load(PoolLimits(), seed: seed)
        let limit = 200_000
        load.provider = Load.Provider(limit: limit, foreignPerMinute: limit * 2 / 5)
        load.add(Load.Source(rate: 2_000, cost: 100...500))
        load.run(seconds: 120)
        let early = load.engine.snapshot(load.pool, at: at(load.now)).foreignTokensPerMinute
        load.run(seconds: 1_200)
        let sent = load.sends.filter { $0.time > .seconds(120) }
        let late = load.limited.count { $0 > .seconds(120) }
        let use = Double(sent.reduce(0) { $0 + $1.tokens }) / (18 * Double(limit))
        #expect((limit * 3 / 10...limit / 2).contains(early), "\(early)")
        #expect(Double(late) <= 0.001 * Double(sent.count), "\(late) of \(sent.count)")
        #expect(use >= 0.5, "\(use)")
    }

    /// Attempts per accepted call while nothing is answered, whatever the number of callers and their pace.
    @Test(arguments: [50, 500, 5_000], [1, 30, 1_000])
    func anOutageIsNotMultiplied(calls: Int, perSecond: Int) {
        var engine = PolicyEngine()
        var random = SeededRandom(seed: UInt64(calls + perSecond))
        let group = engine.addGroup([engine.addPool(PoolParameters(), at: at(0))])
        let tenants = (0..<20).map { _ in engine.addTenant(TenantParameters(), at: at(0)) }
        var endings = Agenda<CallID>()
        var (now, accepted, attempts, arrived) = (Int64(0), 0, 0, 0)
        while arrived < calls || engine.liveCalls > 0 {
            var effects: [Effect] = []
            let arrival = arrived < calls ? Int64(arrived) * 1_000_000 / Int64(perSecond) : .max
            let wake = engine.nextWake?.microseconds ?? .max
            let end = endings.firstTime ?? .max
            now = max(now, min(arrival, wake, end))
            if end <= now, let id = endings.popFirst() {
                _ = engine.attemptEnded(
                    id, .transient(random.element([.serverError, .timeout, .notSent])), mayRetry: true,
                    serviceMicroseconds: 300_000, random: random.next(), at: at(now), into: &effects)
            } else if wake <= now {
                engine.tick(at: at(now), into: &effects)
            } else {
                arrived += 1
                let call = Arrival(
                    group: group, lane: random.element(PolicyLane.allCases), tenant: random.element(tenants),
                    cost: CallCost(tokens: 100), bytes: 10, deadline: at(now + .seconds(60)))
                if (try? engine.arrive(call, at: at(now), into: &effects)) != nil { accepted += 1 }
            }
            for case .send(let id, _) in effects {
                attempts += 1
                endings.add(id, at: now + Int64(random.pick(10_000...1_000_000)))
            }
        }
        #expect(Double(attempts) <= 1.2 * Double(accepted), "\(attempts) for \(accepted)")
    }
}
