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

    /// Seeds that once failed: a call hung behind a bulkhead (12, 34) or a half-open breaker (16, 135), a refused key
    /// was changed after the deadline (10) or outside the lane's window (7, 15), a call met an open breaker at another
    /// key (90, 154, 193), a ramp ended and nobody was sent (42, 161, 168), a fallback was no better (160),
    /// a refused key's queue went where it might not enter (483, 525).
    @Test(arguments: [UInt64(7), 10, 12, 15, 16, 34, 42, 90, 135, 154, 160, 161, 168, 193, 483, 525, 1_465, 2_972])
    func staysMended(seed: UInt64) {
        var simulation = Simulation(seed: seed)
        simulation.run()
        #expect(simulation.violations == [], "seed \(seed)")
    }

    /// The same seed says the same things in the same order.
    @Test(arguments: Seeds.range(dividedBy: 20))
    func repeatsItself(seed: UInt64) {
        var first = Simulation(seed: seed, isTraced: true)
        var second = Simulation(seed: seed, isTraced: true)
        first.run()
        second.run()
        #expect(first.trace == second.trace)
        #expect(first.trace?.count ?? 0 > 0)
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
