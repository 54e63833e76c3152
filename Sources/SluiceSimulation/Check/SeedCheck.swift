import SluicePolicy

/// One seed, drawn, run and held to the invariants of its kind.
package struct SeedCheck: Sendable {
    /// The seed.
    package let seed: UInt64
    /// Which kind of workload it was: a word.
    package let kind: String
    /// Breaches, those that were kept.
    package private(set) var violations: [Violation] = []
    /// Calls that arrived, and attempts made, in all runs of the seed.
    package private(set) var calls = 0
    package private(set) var attempts = 0
    /// Attempts before an honest provider, and 429s among them.
    package private(set) var honestAttempts = 0
    package private(set) var honestRefusals = 0
    /// Invariants that were held against it.
    package private(set) var checked: [Invariant] = [.endsOnce, .deadline, .timers, .drained, .window]

    /// Draws and runs a seed for so much virtual time.
    package init(seed: UInt64, durationMicroseconds: Int64) {
        let kind = ChaosKind(seed: seed)
        self.seed = seed
        self.kind = kind.rawValue
        let plain = run(kind, disturbed: false, durationMicroseconds)
        switch kind {
        case .anything:
            // One in ten: a run costs what a run costs.
            if seed % 100 == 0 { repeats(plain, durationMicroseconds) }
        case .saturated: saturated(plain)
        case .honest: honest(plain)
        case .outage: outage(plain)
        case .runaway:
            honest(plain)
            compare(plain, run(kind, disturbed: true, durationMicroseconds), .isolation)
        case .flood:
            honest(plain)
            compare(plain, run(kind, disturbed: true, durationMicroseconds), .flood)
        }
    }

    /// One run of a seed as its check draws it; for looking at what a seed did.
    package static func report(seed: UInt64, durationMicroseconds: Int64, disturbed: Bool) -> RunReport {
        var maker = ChaosMaker(seed: seed, duration: durationMicroseconds)
        let scenario = maker.make(ChaosKind(seed: seed), disturbed: disturbed)
        var simulator = Simulator(scenario, seed: seed)
        return simulator.run()
    }

    private struct Outcome {
        let report: RunReport
        let recorder: Recorder
    }

    private mutating func run(_ kind: ChaosKind, disturbed: Bool, _ duration: Int64) -> Outcome {
        var maker = ChaosMaker(seed: seed, duration: duration)
        var simulator = Simulator(maker.make(kind, disturbed: disturbed), seed: seed)
        simulator.recorder.ledger.fairness.isOn = kind == .saturated
        let report = simulator.run()
        calls += report.counts.arrived
        attempts += report.counts.attempts
        violations += report.violations
        return Outcome(report: report, recorder: simulator.recorder)
    }

    private mutating func fail(_ invariant: Invariant, _ message: String, at time: Int64) {
        violations.append(Violation(invariant: invariant, at: time, message: message))
    }

    /// What a retry budget begins with: ten seconds of one a second. Of a few calls it is more than a fifth.
    private static let firstRetries = 10

    // MARK: What a kind has to keep

    private mutating func repeats(_ first: Outcome, _ duration: Int64) {
        checked.append(.repeatable)
        let second = run(.anything, disturbed: false, duration)
        guard first.report.digest != second.report.digest else { return }
        fail(.repeatable, "\(first.report.digestText), then \(second.report.digestText)", at: second.report.endedAt)
    }

    private mutating func honest(_ outcome: Outcome) {
        checked.append(.rateLimited)
        honestAttempts += outcome.report.counts.attempts
        honestRefusals += outcome.report.counts.rateLimited
        // Of a run below 1,000 attempts one 429 is more than 0.1 %; those are judged together, over all seeds.
        guard outcome.report.counts.rateLimited * 1000 > max(1000, outcome.report.counts.attempts) else { return }
        let counts = outcome.report.counts
        fail(.rateLimited, "\(counts.rateLimited) 429s in \(counts.attempts) attempts", at: outcome.report.endedAt)
    }

    private mutating func saturated(_ outcome: Outcome) {
        honest(outcome)
        checked.append(.fairness)
        let use = outcome.recorder.ledger.quotaUse[0]
        if use.seconds >= 60, let share = use.perMille {
            checked.append(.quotaUse)
            if share < 970 { fail(.quotaUse, "\(share) of 1,000 over \(use.seconds) s", at: outcome.report.endedAt) }
        }
        if outcome.recorder.ledger.laneShares.isEnough { checked.append(.laneShare) }
        if let message = outcome.recorder.ledger.laneShares.complaint {
            fail(.laneShare, message, at: outcome.report.endedAt)
        }
    }

    private mutating func outage(_ outcome: Outcome) {
        checked.append(.attempts)
        let counts = outcome.report.counts
        guard counts.attempts * 10 > counts.admitted * 12 + Self.firstRetries * 10 else { return }
        fail(.attempts, "\(counts.attempts) attempts for \(counts.admitted) calls", at: outcome.report.endedAt)
    }

    /// What is as good as no wait, so that no ratio of it is held against anybody. For quiet tenants among others: the
    /// time in which the pool serves two calls of every tenant, which fairness alone may cost (a flow waits for one
    /// call of each other: Start-time Fair Queueing, theorem 4). For lanes: one second.
    private static func leastWait(_ outcome: Outcome, _ invariant: Invariant) -> Int64 {
        guard invariant == .isolation, let limit = outcome.report.pools[0].requestsPerMinute else { return 1_000_000 }
        let usable = max(1, limit * QuotaUseCheck.usablePercent / 100)
        return Int64(outcome.report.tenants.count) * 2 * 60_000_000 / Int64(usable)
    }

    /// The undisturbed against the disturbed wait of those who do nothing different.
    private mutating func compare(_ plain: Outcome, _ disturbed: Outcome, _ invariant: Invariant) {
        checked.append(invariant)
        honest(disturbed)
        let (perMille, percent) = invariant == .isolation ? (990, 200) : (950, 150)
        let quiet = plain.report.tenants.count - 1
        let waits = [plain, disturbed].map { outcome in
            PolicyLane.allCases.reduce(into: SpanHistogram()) { spans, lane in
                for tenant in 0..<quiet { spans.merge(outcome.report.tally[tenant, lane].waits) }
            }.percentile(perMille: perMille) ?? 0
        }
        let bound = max(Self.leastWait(disturbed, invariant), waits[0] * Int64(percent) / 100)
        guard waits[1] > bound else { return }
        fail(
            invariant, "waited \(Figures.span(waits[0])) undisturbed, \(Figures.span(waits[1])) disturbed",
            at: disturbed.report.endedAt)
    }
}
