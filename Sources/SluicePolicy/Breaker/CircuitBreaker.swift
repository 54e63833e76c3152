/// A breaker set by hand.
package enum BreakerForce: String, Sendable, Equatable {
    /// Nobody is sent.
    case open
    /// Everybody is sent, whatever fails.
    case closed
    /// It decides by itself.
    case none
}

/// Where a breaker stands, for whoever looks.
package enum BreakerStanding: String, Sendable, Equatable {
    case closed
    case open
    case halfOpen = "half_open"
    case forcedOpen = "forced_open"
    case forcedClosed = "forced_closed"
}

/// The breaker of one endpoint of one pool: stops sending where most attempts fail or are slow, and finds out with few
/// real calls when that is over.
///
/// 429s are no failures: the limiter owns them.
struct CircuitBreaker: Sendable, Equatable {
    /// Legal ways: closed → open; open → halfOpen by time; halfOpen → open at a failed probe, → closed when every round
    /// of probes succeeded.
    private enum State: Sendable, Equatable {
        case closed
        case open(until: MonotonicTime)
        /// `begun` and `succeeded` of the probes of round `round`.
        case halfOpen(since: MonotonicTime, round: Int, begun: Int, succeeded: Int)
    }

    /// Whether a call may be sent.
    enum Admission: Sendable, Equatable {
        case permit
        case probe
        /// Not before this; a probe's end may change it earlier.
        case blocked(until: MonotonicTime)
    }

    /// How an attempt counts.
    enum Sample: Sendable, Equatable {
        case good
        case bad
        /// It says nothing of the provider's health: a 429, a call that was cancelled.
        case neutral
    }

    private var state = State.closed
    private var force = BreakerForce.none
    private var window = FailureWindow()
    /// Openings without a success in between, for the length of the next.
    private var reopened = 0
    /// Failures since the last success.
    private var failuresInARow = 0

    /// After so many failures in a row nothing is retried until a call succeeds: the outage is the provider's, and a
    /// retry is only load. It bounds attempts per call in an outage of any length.
    static let retryCutoff = 10
    /// How much longer than the lowest lanes the higher ones wait to be a probe.
    private static let probeDelays: [Int64] = [500_000, 250_000, 0, 0]

    /// Whether retries are of use.
    var mayRetry: Bool { failuresInARow < Self.retryCutoff }

    func standing(at now: MonotonicTime) -> BreakerStanding {
        switch force {
        case .open: return .forcedOpen
        case .closed: return .forcedClosed
        case .none: break
        }
        switch state {
        case .closed: return .closed
        case .open(let until): return until <= now ? .halfOpen : .open
        case .halfOpen: return .halfOpen
        }
    }

    /// From when on a call of this lane may be a probe, if one is wanted then; nil while only an event can tell.
    func probes(from lane: PolicyLane) -> MonotonicTime? {
        guard force == .none else { return nil }
        switch state {
        case .closed: return nil
        case .open(let since), .halfOpen(let since, _, _, _):
            return since.advanced(byMicroseconds: Self.probeDelays[lane.rawValue])
        }
    }

    /// When waiting calls may try again; nil when only an event can tell.
    var reopensAt: MonotonicTime? {
        if case .open(let until) = state, force == .none { return until }
        return nil
    }

    /// Whether a call of this lane may be sent now.
    func admission(_ lane: PolicyLane, _ parameters: BreakerParameters, at now: MonotonicTime) -> Admission {
        switch force {
        case .open: return .blocked(until: .never)
        case .closed: return .permit
        case .none: break
        }
        switch state {
        case .closed: return .permit
        case .open(let until):
            guard until <= now else { return .blocked(until: until) }
            return probe(lane, since: until, at: now)
        case .halfOpen(let since, let round, let begun, let succeeded):
            // Where new settings want fewer probes than have succeeded already, one more finishes the round.
            let wanted = parameters.probes[min(round, parameters.probes.count - 1)]
            guard begun < wanted || begun == succeeded else {
                return .blocked(until: now.advanced(byMicroseconds: parameters.openMicroseconds))
            }
            return probe(lane, since: since, at: now)
        }
    }

    private func probe(_ lane: PolicyLane, since: MonotonicTime, at now: MonotonicTime) -> Admission {
        let from = since.advanced(byMicroseconds: Self.probeDelays[lane.rawValue])
        return from <= now ? .probe : .blocked(until: from)
    }

    /// A call that was admitted as a probe is sent.
    mutating func probeBegan(at now: MonotonicTime) {
        switch state {
        case .closed: preconditionFailure("a probe of a closed breaker")
        case .open(let until): state = .halfOpen(since: until, round: 0, begun: 1, succeeded: 0)
        case .halfOpen(let since, let round, let begun, let succeeded):
            state = .halfOpen(since: since, round: round, begun: begun + 1, succeeded: succeeded)
        }
    }

    /// Takes in how an attempt ended; answers whether the breaker opened or closed.
    mutating func ended(
        _ sample: Sample, startedAt: MonotonicTime, wasProbe: Bool, _ parameters: BreakerParameters, random: UInt64,
        at now: MonotonicTime
    ) -> Bool {
        switch sample {
        case .good: failuresInARow = 0
        case .bad: failuresInARow = min(failuresInARow + 1, Self.retryCutoff)
        case .neutral: break
        }
        guard parameters.isEnabled else { return reset() }
        if sample != .neutral {
            window.add(bad: sample == .bad, at: startedAt, length: parameters.windowMicroseconds, now: now)
        }
        // A probe of an earlier time says nothing in this one.
        if wasProbe, case .halfOpen(let since, _, _, _) = state, startedAt >= since {
            return probeEnded(sample, parameters, random: random, at: now)
        }
        guard state == .closed, sample == .bad, force == .none else { return false }
        let (calls, bad) = window.sums(length: parameters.windowMicroseconds, at: now)
        guard calls >= parameters.minimumCalls, bad * 100 >= calls * parameters.failurePercent else { return false }
        open(parameters, random: random, at: now)
        return true
    }

    private mutating func probeEnded(
        _ sample: Sample, _ parameters: BreakerParameters, random: UInt64, at now: MonotonicTime
    ) -> Bool {
        guard case .halfOpen(let since, let round, let begun, let succeeded) = state else { return false }
        switch sample {
        case .bad:
            open(parameters, random: random, at: now)
            return true
        case .neutral:
            state = .halfOpen(since: since, round: round, begun: max(0, begun - 1), succeeded: succeeded)
            return false
        case .good: break
        }
        guard succeeded + 1 >= parameters.probes[min(round, parameters.probes.count - 1)] else {
            state = .halfOpen(since: since, round: round, begun: begun, succeeded: succeeded + 1)
            return false
        }
        guard round + 1 >= parameters.probes.count else {
            state = .halfOpen(since: since, round: round + 1, begun: 0, succeeded: 0)
            return false
        }
        state = .closed
        window = FailureWindow()
        reopened = 0
        return true
    }

    private mutating func open(_ parameters: BreakerParameters, random: UInt64, at now: MonotonicTime) {
        let doubled = parameters.openMicroseconds << Int64(min(reopened, 16))
        let base = min(max(doubled, parameters.openMicroseconds), parameters.openCapMicroseconds)
        state = .open(until: now.advanced(byMicroseconds: Jitter.equal(base, random: random)))
        reopened += 1
    }

    private mutating func reset() -> Bool {
        guard state != .closed else { return false }
        state = .closed
        window = FailureWindow()
        return true
    }

    /// Sets it by hand. Afterwards it starts anew.
    mutating func force(_ force: BreakerForce) {
        self.force = force
        state = .closed
        window = FailureWindow()
        reopened = 0
    }
}

/// Attempts of the last while, by when they started: twelve slots, so that the window slides by a twelfth of it.
private struct FailureWindow: Sendable, Equatable {
    private var calls = [Int32](repeating: 0, count: 12)
    private var bad = [Int32](repeating: 0, count: 12)
    private var current: Int64 = 0

    private mutating func advance(to slot: Int64) {
        guard slot > current else { return }
        for passed in stride(from: max(current + 1, slot - 11), through: slot, by: 1) {
            calls[Int(passed % 12)] = 0
            bad[Int(passed % 12)] = 0
        }
        current = slot
    }

    private static func slot(_ time: MonotonicTime, _ length: Int64) -> Int64 {
        max(0, time.microseconds) / max(1, length / 12)
    }

    mutating func add(bad isBad: Bool, at startedAt: MonotonicTime, length: Int64, now: MonotonicTime) {
        advance(to: Self.slot(now, length))
        let slot = Self.slot(startedAt, length)
        guard slot > current - 12, slot <= current else { return }
        calls[Int(slot % 12)] += 1
        if isBad { bad[Int(slot % 12)] += 1 }
    }

    mutating func sums(length: Int64, at now: MonotonicTime) -> (calls: Int, bad: Int) {
        advance(to: Self.slot(now, length))
        return (calls.reduce(0) { $0 + Int($1) }, bad.reduce(0) { $0 + Int($1) })
    }
}
