/// A pool's name inside the core.
package struct PoolID: Hashable, Sendable {
    package let index: Int

    package init(index: Int) { self.index = index }
}

/// What the configuration says of one pool.
package struct PoolParameters: Sendable, Equatable {
    package var limits: PoolLimits
    /// Calls that may wait.
    package var queueCalls: Int
    /// Bytes of request bodies that may wait.
    package var queueBytes: Int

    package init(limits: PoolLimits = PoolLimits(), queueCalls: Int = 10_000, queueBytes: Int = 256 * 1024 * 1024) {
        self.limits = limits
        self.queueCalls = queueCalls
        self.queueBytes = queueBytes
    }
}

/// What can be seen of a pool from outside.
package struct PoolSnapshot: Sendable, Equatable {
    package var inFlight: Int
    package var queued: Int
    package var queuedBytes: Int
    package var frozenUntil: MonotonicTime?
    package var limits: PoolLimits
}

/// One pool: what shares a provider quota.
struct Pool: Sendable {
    var settings: PoolParameters
    var limiter: PoolLimiter
    var queue = FIFOScheduler()
    var inFlight = 0
    var retryBudget: RetryBudget
    /// Mean time an attempt takes, in microseconds: exponentially weighted, 1/16 a sample. Zero until the first.
    var meanServiceMicroseconds: Int64 = 0

    var hasRoomInFlight: Bool { inFlight < settings.limits.maxInFlight }

    /// When the call at `position` (1 = next) will be sent, as far as limits and pace tell.
    func estimatedStart(
        _ cost: CallCost, position: Int, tokensAhead: Int, at now: MonotonicTime
    ) -> MonotonicTime {
        let byQuota = limiter.grantTime(cost, ahead: position - 1, aheadTokens: tokensAhead, at: now)
        guard !hasRoomInFlight else { return byQuota }
        // A pool that is full has room again once in every mean service time divided by its places.
        let byRoom = Int64(position) * meanServiceMicroseconds / Int64(settings.limits.maxInFlight)
        return max(byQuota, now.advanced(byMicroseconds: byRoom))
    }

    mutating func observeService(_ microseconds: Int64) {
        let step = (microseconds - meanServiceMicroseconds) / 16
        meanServiceMicroseconds = meanServiceMicroseconds == 0 ? microseconds : meanServiceMicroseconds + step
    }
}
