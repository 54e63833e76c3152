import SluicePolicy
import Testing

@Suite struct SimulationTests {
    /// Hours of arrivals, faults, cancels, reconfigurations and late timers, then health: every invariant of
    /// ``Simulation`` holds after each event, and everything drains.
    @Test(arguments: Seeds.range())
    func keepsEveryPromise(seed: UInt64) {
        var simulation = Simulation(seed: seed)
        simulation.run()
        #expect(simulation.violations == [], "seed \(seed)")
        #expect(simulation.admitted > 0)
    }

    /// Seeds that once failed: calls whose waits ended together overtook each other (26, 48, 52, 95), and a call was
    /// sent after its deadline (96, 193).
    @Test(arguments: [UInt64(26), 48, 52, 95, 96, 193])
    func staysMended(seed: UInt64) {
        var simulation = Simulation(seed: seed)
        simulation.run()
        #expect(simulation.violations == [], "seed \(seed)")
    }

    /// The same seed says the same things in the same order.
    @Test(arguments: Seeds.range(dividedBy: 20))
    func repeatsItself(seed: UInt64) {
        var first = Simulation(seed: seed)
        var second = Simulation(seed: seed)
        first.run()
        second.run()
        #expect(first.trace == second.trace)
        #expect(first.trace.count > 0)
    }

    /// While somebody waits, at least 97 % of the usable quota is used.
    @Test(arguments: Seeds.range(dividedBy: 20))
    func usesItsQuotaWhileThereIsBacklog(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let byTokens = random.percent(50)
        let limits = PoolLimits(
            requestsPerMinute: byTokens ? nil : random.element([20, 100, 3_000]),
            tokensPerMinute: byTokens ? random.element([20_000, 2_000_000]) : nil)
        var backlog = Backlog(limits, costs: 1...(byTokens ? 5_000 : 1), seed: seed)
        let sent = backlog.run(calls: 2_000)
        let rate = (limits.requestsPerMinute ?? limits.tokensPerMinute ?? 1) * 95 / 100
        let usable = Double(rate) * Double(sent.last.microseconds) / 60e6
        #expect(Double(byTokens ? sent.tokens : 2_000) >= 0.97 * usable)
    }

    /// With nothing failing, the wait that was foretold is the wait that came: under quota to within 5 % or one
    /// call's share.
    @Test(arguments: Seeds.range(dividedBy: 20))
    func foretellsTheWaitForQuota(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let limits = PoolLimits(requestsPerMinute: random.element([60, 1_000]), tokensPerMinute: 100_000)
        var backlog = Backlog(limits, costs: 1...2_000, seed: seed)
        if random.percent(50) { backlog.freeze(for: Int64(random.pick(1...100)) * 1_000_000) }
        _ = backlog.run(calls: 500)
        for wait in backlog.waits {
            let share = Int64(60_000_000 / (limits.requestsPerMinute ?? 1)) + 60_000_000 * 2_000 / 95_000
            let tolerance = wait.real / 20 + share
            #expect(abs(wait.foretold - wait.real) <= tolerance, "foretold \(wait.foretold), came \(wait.real)")
        }
        #expect(!backlog.waits.isEmpty)
    }

    /// With a pool that is full, to within a factor of 1.5 and two attempts.
    @Test(arguments: Seeds.range(dividedBy: 20))
    func foretellsTheWaitForRoom(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let room = random.element([1, 8, 64])
        var backlog = Backlog(PoolLimits(maxInFlight: room), costs: 1...1, seed: seed)
        backlog.service = 500_000...1_500_000
        backlog.warmUp()
        _ = backlog.run(calls: 1_000)
        for wait in backlog.waits {
            let slack: Int64 = 2_000_000
            #expect(Double(wait.foretold) <= 1.5 * Double(wait.real + slack))
            #expect(Double(wait.real) <= 1.5 * Double(wait.foretold + slack))
        }
        #expect(!backlog.waits.isEmpty)
    }
}

/// Calls that all arrive in one moment, in one pool in which nothing fails.
struct Backlog {
    var engine = PolicyEngine()
    var random: SeededRandom
    let pool: PoolID
    let costs: ClosedRange<Int>
    /// Microseconds an attempt takes.
    var service = 1...1_000
    private(set) var waits: [(foretold: Int64, real: Int64)] = []
    private var now: Int64 = 0
    private var endings = Agenda()
    private var foretold: [CallID: Int64] = [:]
    private var tokens = 0
    private var costOf: [CallID: Int] = [:]
    private var serviceOf: [CallID: Int64] = [:]

    init(_ limits: PoolLimits, costs: ClosedRange<Int>, seed: UInt64) {
        random = SeededRandom(seed: seed)
        self.costs = costs
        var limits = limits
        if limits.requestsPerMinute ?? limits.tokensPerMinute != nil { limits.maxInFlight = 100_000 }
        pool = engine.addPool(PoolParameters(limits: limits), at: at(0))
    }

    /// Lets a 429 stop the pool.
    mutating func freeze(for wait: Int64) {
        var effects: [Effect] = []
        let arrival = Arrival(pool: pool, cost: CallCost(tokens: 1), bytes: 0, deadline: .never)
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
            let arrival = Arrival(pool: pool, cost: CallCost(tokens: cost), bytes: 0, deadline: .never)
            guard let id = try? engine.arrive(arrival, at: at(now), into: &effects) else { continue }
            costOf[id] = cost
            take(effects, start)
        }
        while engine.liveCalls > 0 {
            let wake = engine.nextWake?.microseconds ?? .max
            var effects: [Effect] = []
            if let time = endings.firstTime, time <= wake, case .ending(let id, _) = endings.popFirst() {
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
            case .queued(let id, _, let eta): foretold[id] = eta
            case .expire: Issue.record("expired without a deadline")
            case .send(let id, let attempt):
                if let eta = foretold.removeValue(forKey: id) { waits.append((eta, now - start)) }
                tokens += costOf[id] ?? 0
                let took = Int64(random.pick(service))
                serviceOf[id] = took
                endings.add(.ending(id, attempt: attempt), at: now + took)
            }
        }
    }
}
