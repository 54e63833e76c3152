import Testing

@testable import SluiceSimulation

@Suite("The policy's invariants over random workloads")
struct SeedTests {
    /// A fixed corpus, in parts that run side by side. 61, 141 and 181 once found that the refill which a full bucket
    /// of the provider's loses was taken for others' use. A seed beyond it that ever breaks an invariant is added here.
    private static let corpus = Array(stride(from: UInt64(0), to: 520, by: 20)).map { $0..<$0 + 20 }

    @Test("520 seeds of two virtual minutes break none", arguments: corpus)
    func seeds(_ seeds: Range<UInt64>) {
        for seed in seeds {
            let check = SeedCheck(seed: seed, durationMicroseconds: 125_000_000)
            #expect(check.violations.isEmpty, "seed \(seed) (\(check.kind)): \(check.violations)")
        }
    }

    @Test("Before honest providers at most one attempt in a thousand meets a 429, all seeds together")
    func rateLimits() {
        var (attempts, refusals) = (0, 0)
        for seed in stride(from: UInt64(3), to: 200, by: 10) {
            let check = SeedCheck(seed: seed, durationMicroseconds: 125_000_000)
            attempts += check.honestAttempts
            refusals += check.honestRefusals
        }
        #expect(attempts > 1_000)
        #expect(refusals * 1000 <= attempts, "\(refusals) of \(attempts)")
    }

    @Test("Every kind of workload does what it is for")
    func kinds() {
        let kinds = (UInt64(0)..<10).map(ChaosKind.init(seed:))
        #expect(Set(kinds) == Set(ChaosKind.allCases))
        let outage = SeedCheck.report(seed: 5, durationMicroseconds: 125_000_000, disturbed: false)
        #expect(outage.counts.attempts > 0 && outage.tally.total.served == 0)
        let saturated = SeedCheck.report(seed: 1, durationMicroseconds: 125_000_000, disturbed: false)
        #expect(saturated.pools[0].backlogSeconds > 100)
        let calm = SeedCheck.report(seed: 7, durationMicroseconds: 125_000_000, disturbed: false)
        let disturbed = SeedCheck.report(seed: 7, durationMicroseconds: 125_000_000, disturbed: true)
        #expect(disturbed.counts.arrived > 2 * calm.counts.arrived)
    }

    @Test("The quiet tenants' calls are the same ones with and without the runaway")
    func sameQuietCalls() {
        let calm = SeedCheck.report(seed: 17, durationMicroseconds: 125_000_000, disturbed: false)
        let disturbed = SeedCheck.report(seed: 17, durationMicroseconds: 125_000_000, disturbed: true)
        let lanes = [calm, disturbed].map { report in
            (0..<report.tenants.count - 1).map { tenant in
                (0..<4).map { report.tally.rows[(tenant + 1) * 4 + $0].offered }
            }
        }
        #expect(lanes[0] == lanes[1])
        #expect(lanes[0].flatMap { $0 }.reduce(0, +) > 0)
    }
}
