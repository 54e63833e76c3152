import SluicePolicy
import Testing

/// Calls that all arrive in one moment, in one pool in which nothing fails.
struct Backlog {
    var engine = PolicyEngine(PolicyParameters(lanes: Scene.plainLanes))
    var random: SeededRandom
    let group: GroupID
    let costs: ClosedRange<Int>
    /// Microseconds an attempt takes.
    var service = 1...1_000
    private(set) var waits: [(foretold: Int64, real: Int64)] = []
    private var now: Int64 = 0
    private var endings = Agenda<CallID>()
    private var foretold: [CallID: Int64] = [:]
    private var tokens = 0
    private var costOf: [CallID: Int] = [:]
    private var serviceOf: [CallID: Int64] = [:]

    init(_ limits: PoolLimits, costs: ClosedRange<Int>, seed: UInt64) {
        random = SeededRandom(seed: seed)
        self.costs = costs
        var limits = limits
        if limits.requestsPerMinute ?? limits.tokensPerMinute != nil { limits.maxInFlight = 100_000 }
        let isByQuota = limits.maxInFlight == 100_000
        let settings = PoolParameters(limits: limits, initialInFlight: isByQuota ? 100_000 : limits.maxInFlight)
        group = engine.addGroup([engine.addPool(settings, at: at(0))])
    }

    /// Lets a 429 stop the pool.
    mutating func freeze(for wait: Int64) {
        var effects: [Effect] = []
        let arrival = Arrival(group: group, cost: CallCost(tokens: 1), bytes: 0, deadline: .never)
        guard let id = try? engine.arrive(arrival, at: at(now), into: &effects) else { return }
        _ = engine.attemptEnded(
            id, .rateLimited(retryAfterMicroseconds: wait), mayRetry: false, serviceMicroseconds: 1, random: 0,
            at: at(now), into: &effects)
    }

    /// Shows the pool how long attempts take.
    mutating func warmUp() {
        _ = run(calls: 200)
        waits = []
    }

    /// Brings `calls` at once and runs until all have been sent.
    mutating func run(calls: Int) -> (tokens: Int, last: MonotonicTime) {
        let start = now
        var last = now
        tokens = 0
        for _ in 0..<calls {
            var effects: [Effect] = []
            let cost = random.pick(costs)
            let arrival = Arrival(group: group, cost: CallCost(tokens: cost), bytes: 0, deadline: .never)
            guard let id = try? engine.arrive(arrival, at: at(now), into: &effects) else { continue }
            costOf[id] = cost
            take(effects, start)
        }
        while engine.liveCalls > 0 {
            let wake = engine.nextWake?.microseconds ?? .max
            var effects: [Effect] = []
            if let time = endings.firstTime, time <= wake, let id = endings.popFirst() {
                now = time
                _ = engine.attemptEnded(
                    id, .success(usedTokens: nil), mayRetry: true, serviceMicroseconds: serviceOf[id] ?? 1,
                    random: 0, at: at(now), into: &effects)
            } else {
                now = wake
                engine.tick(at: at(now), into: &effects)
            }
            if effects.contains(where: { if case .send = $0 { true } else { false } }) { last = now }
            take(effects, start)
        }
        return (tokens, at(last - start))
    }

    private mutating func take(_ effects: [Effect], _ start: Int64) {
        for effect in effects {
            switch effect {
            case .queued(let id, _, let eta): foretold[id] = foretold[id] ?? eta
            case .expire, .refuse: Issue.record("a call was lost: \(effect)")
            case .send(let id, _):
                if let eta = foretold.removeValue(forKey: id) { waits.append((eta, now - start)) }
                tokens += costOf[id] ?? 0
                let took = Int64(random.pick(service))
                serviceOf[id] = took
                endings.add(id, at: now + took)
            }
        }
    }
}
