/// How many attempts may be under way at once: additive increase, multiplicative decrease (Chiu and Jain 1989), as TCP
/// does it. Latency says nothing here, for it measures how long the answer is.
struct ConcurrencyGuard: Sendable, Equatable {
    /// Attempts allowed at once, 1…``ceiling``.
    private(set) var limit: Int
    private(set) var ceiling: Int
    private var lastDecrease: MonotonicTime?

    init(initial: Int, ceiling: Int) {
        precondition(initial > 0 && ceiling > 0, "a guard without room")
        self.ceiling = ceiling
        limit = min(initial, ceiling)
    }

    /// An attempt succeeded while `inFlight` were under way, itself included. Unused room proves nothing.
    mutating func succeeded(inFlight: Int) {
        if limit < ceiling, inFlight * 2 >= limit { limit += 1 }
    }

    /// An attempt failed by the provider's fault. Those that were under way together failed together: they count once.
    mutating func failed(startedAt: MonotonicTime, at now: MonotonicTime) {
        if let lastDecrease, startedAt <= lastDecrease { return }
        lastDecrease = now
        limit = max(1, limit * 9 / 10)
    }

    mutating func reconfigure(ceiling: Int) {
        precondition(ceiling > 0, "a guard without room")
        // Room that was never found wanting grows with its ceiling.
        if limit == self.ceiling { limit = ceiling }
        self.ceiling = ceiling
        limit = min(limit, ceiling)
    }
}
