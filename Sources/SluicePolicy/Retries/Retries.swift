/// When an attempt is repeated, and how often.
package struct RetryPolicy: Sendable, Equatable {
    /// Attempts in all, the first included.
    package var maxAttempts: Int
    package var baseMicroseconds: Int64
    package var capMicroseconds: Int64
    /// Retries earned per 100 successes.
    package var budgetPercent: Int
    /// Retries earned per second, so that a quiet pool can retry at all.
    package var budgetPerSecond: Int
    /// A provider that asks for a longer wait gets none: the call fails, or takes its fallback.
    package var retryAfterCeilingMicroseconds: Int64

    package init(
        maxAttempts: Int = 3, baseMicroseconds: Int64 = 200_000, capMicroseconds: Int64 = 5_000_000,
        budgetPercent: Int = 20, budgetPerSecond: Int = 1, retryAfterCeilingMicroseconds: Int64 = 120_000_000
    ) {
        self.maxAttempts = maxAttempts
        self.baseMicroseconds = baseMicroseconds
        self.capMicroseconds = capMicroseconds
        self.budgetPercent = budgetPercent
        self.budgetPerSecond = budgetPerSecond
        self.retryAfterCeilingMicroseconds = retryAfterCeilingMicroseconds
    }

    /// The wait before attempt `attempt` (2…): exponential with equal jitter, half fixed and half random (Brooker,
    /// *Exponential Backoff and Jitter*, 2015).
    package func delay(beforeAttempt attempt: Int, random: UInt64) -> Int64 {
        precondition(attempt >= 2, "attempt \(attempt) needs no wait")
        let doublings = min(attempt - 2, 30)
        let (raw, overflow) = baseMicroseconds.multipliedReportingOverflow(by: 1 << Int64(doublings))
        return Jitter.equal(overflow ? capMicroseconds : min(raw, capMicroseconds), random: random)
    }
}

/// Random spread of a wait.
package enum Jitter {
    /// Between half of `microseconds` and all of it.
    package static func equal(_ microseconds: Int64, random: UInt64) -> Int64 {
        precondition(microseconds >= 0, "a wait is not negative: \(microseconds)")
        let half = microseconds / 2
        return half + Int64(random % UInt64(microseconds - half + 1))
    }
}

/// Keeps retries from becoming a second wave of load: a share of successes plus a trickle (after Finagle's
/// `RetryBudget`). Kept in millionths of a retry: a trickle of one a second earns exactly one each microsecond.
package struct RetryBudget: Sendable {
    private var balance: Int64
    private var trickledAt: MonotonicTime
    private let policy: RetryPolicy

    /// Retries that can be saved up.
    package static let ceiling = 100
    private static let scale: Int64 = 1_000_000
    private static let full = Int64(ceiling) * scale

    /// Starts with ten seconds' trickle.
    package init(_ policy: RetryPolicy, at now: MonotonicTime) {
        self.policy = policy
        balance = Int64(min(min(policy.budgetPerSecond, Self.ceiling) * 10, Self.ceiling)) * Self.scale
        trickledAt = now
    }

    package mutating func deposit(at now: MonotonicTime) {
        trickle(at: now)
        balance = min(balance + Int64(policy.budgetPercent) * Self.scale / 100, Self.full)
    }

    /// Pays for one retry; false when the budget is spent.
    package mutating func withdraw(at now: MonotonicTime) -> Bool {
        guard covers(at: now) else { return false }
        balance -= Self.scale
        return true
    }

    /// Whether one retry can be paid for.
    package mutating func covers(at now: MonotonicTime) -> Bool {
        trickle(at: now)
        return balance >= Self.scale
    }

    private mutating func trickle(at now: MonotonicTime) {
        let elapsed = now.microseconds(since: trickledAt)
        guard policy.budgetPerSecond > 0, elapsed > 0 else { return }
        trickledAt = now
        // Compared by division first: a long sleep times a high rate would overflow.
        let missing = Self.full - balance
        let rate = Int64(policy.budgetPerSecond)
        balance = missing / rate < elapsed ? Self.full : balance + elapsed * rate
    }
}
