/// What one attempt takes from a pool's quota.
package struct CallCost: Sendable, Equatable {
    /// Tokens reserved: estimated input plus expected output.
    package var tokens: Int

    package init(tokens: Int) { self.tokens = min(max(tokens, 0), TokenBucket.ceiling) }
}

/// A pool's limits. Nil means that nothing is known: only the in-flight ceiling holds then.
package struct PoolLimits: Sendable, Equatable {
    package var requestsPerMinute: Int?
    package var tokensPerMinute: Int?
    /// Attempts at once.
    package var maxInFlight: Int

    package init(requestsPerMinute: Int? = nil, tokensPerMinute: Int? = nil, maxInFlight: Int = 256) {
        self.requestsPerMinute = requestsPerMinute
        self.tokensPerMinute = tokensPerMinute
        self.maxInFlight = maxInFlight
    }
}

/// The limit a call would break for ever, however long it waited.
package enum LimitName: String, Sendable {
    case requestsPerMinute = "requests_per_minute"
    case tokensPerMinute = "tokens_per_minute"
}

/// One pool's quota: a request bucket and a token bucket, taken together or not at all, and a freeze after a 429.
///
/// Rate is 0.95 of the limit and burst 5 s of that rate: the margin absorbs clock skew between us and the
/// provider, the small burst keeps a quiet minute from being spent at once.
package struct PoolLimiter: Sendable {
    private var requests: TokenBucket?
    private var tokens: TokenBucket?
    private var configured: PoolLimits
    /// The provider's own limits as last seen in its headers.
    package private(set) var learned = PoolLimits()
    package private(set) var frozenUntil: MonotonicTime?

    package init(_ limits: PoolLimits, at now: MonotonicTime) {
        configured = limits
        requests = limits.requestsPerMinute.map { Self.bucket($0, at: now) }
        tokens = limits.tokensPerMinute.map { Self.bucket($0, at: now) }
    }

    /// The limits in force: configured ones, else learned ones.
    package var limits: PoolLimits {
        PoolLimits(
            requestsPerMinute: configured.requestsPerMinute ?? learned.requestsPerMinute,
            tokensPerMinute: configured.tokensPerMinute ?? learned.tokensPerMinute,
            maxInFlight: configured.maxInFlight)
    }

    /// The limit that no waiting can satisfy: the call alone is larger than a whole minute's quota.
    package func unsatisfiable(_ cost: CallCost) -> LimitName? {
        guard let limit = limits.tokensPerMinute, cost.tokens > limit else { return nil }
        return .tokensPerMinute
    }

    /// The first moment at which `cost` fits, after `ahead` requests of `aheadTokens` tokens that go first.
    package func grantTime(
        _ cost: CallCost, ahead: Int = 0, aheadTokens: Int = 0, at now: MonotonicTime
    ) -> MonotonicTime {
        // Buckets that are full before a freeze ends gain no more from it: the queue drains after it, not during it.
        let start = max(now, frozenUntil ?? now)
        var time = start
        if let requests { time = max(time, requests.grantTime(1, after: ahead, at: start)) }
        if let tokens { time = max(time, tokens.grantTime(cost.tokens, after: aheadTokens, at: start)) }
        return time
    }

    /// Takes one request and its tokens from both buckets; call only when ``grantTime(_:ahead:aheadTokens:at:)`` has
    /// come.
    package mutating func take(_ cost: CallCost, at now: MonotonicTime) {
        assert(grantTime(cost, at: now) <= now, "took \(cost) before its time")
        requests?.take(1, at: now)
        tokens?.take(cost.tokens, at: now)
    }

    /// Corrects a reservation to what was really used.
    package mutating func settle(reserved: CallCost, used: Int, at now: MonotonicTime) {
        let used = min(max(used, 0), TokenBucket.ceiling)
        tokens?.correct(by: reserved.tokens - used, at: now)
    }

    /// Gives everything back: the request never left the machine.
    package mutating func refund(_ cost: CallCost, at now: MonotonicTime) {
        requests?.correct(by: 1, at: now)
        tokens?.correct(by: cost.tokens, at: now)
    }

    /// Stops the pool until `time`; a later freeze that is already in force stays.
    package mutating func freeze(until time: MonotonicTime) {
        frozenUntil = max(frozenUntil ?? time, time)
    }

    /// Learns from the provider's headers: limits nobody configured, and a level lower than ours.
    package mutating func observe(_ report: QuotaReport, at now: MonotonicTime) {
        Self.learn(
            report.requestLimit, report.requestsRemaining, configured.requestsPerMinute, &learned.requestsPerMinute,
            &requests, at: now)
        Self.learn(
            report.tokenLimit, report.tokensRemaining, configured.tokensPerMinute, &learned.tokensPerMinute, &tokens,
            at: now)
    }

    /// Puts new configured limits in force and keeps levels, debts and what was learned.
    package mutating func reconfigure(_ limits: PoolLimits, at now: MonotonicTime) {
        configured = limits
        Self.apply(limits.requestsPerMinute ?? learned.requestsPerMinute, to: &requests, at: now)
        Self.apply(limits.tokensPerMinute ?? learned.tokensPerMinute, to: &tokens, at: now)
    }

    private static func learn(
        _ limit: Int?, _ remaining: Int?, _ configured: Int?, _ learned: inout Int?, _ bucket: inout TokenBucket?,
        at now: MonotonicTime
    ) {
        if let limit, limit > 0, limit != learned {
            learned = limit
            if configured == nil { apply(limit, to: &bucket, at: now) }
        }
        if let remaining { bucket?.pullDown(to: max(0, remaining), at: now) }
    }

    private static func apply(_ limit: Int?, to bucket: inout TokenBucket?, at now: MonotonicTime) {
        guard let limit else {
            bucket = nil
            return
        }
        guard bucket != nil else {
            bucket = Self.bucket(limit, at: now)
            return
        }
        let fresh = Self.bucket(limit, at: now)
        bucket?.resize(ratePerMinute: fresh.ratePerMinute, capacity: fresh.capacity, at: now)
    }

    private static func bucket(_ limit: Int, at now: MonotonicTime) -> TokenBucket {
        let rate = max(1, min(limit, TokenBucket.ceiling) * 95 / 100)
        return TokenBucket(ratePerMinute: rate, capacity: max(1, rate * 5 / 60), at: now)
    }
}

/// What a provider's rate-limit headers say, with what could not be read left out.
package struct QuotaReport: Sendable, Equatable {
    package var requestLimit: Int?
    package var requestsRemaining: Int?
    package var tokenLimit: Int?
    package var tokensRemaining: Int?

    package init(
        requestLimit: Int? = nil, requestsRemaining: Int? = nil, tokenLimit: Int? = nil, tokensRemaining: Int? = nil
    ) {
        self.requestLimit = requestLimit
        self.requestsRemaining = requestsRemaining
        self.tokenLimit = tokenLimit
        self.tokensRemaining = tokensRemaining
    }

    package var isEmpty: Bool { self == QuotaReport() }
}
