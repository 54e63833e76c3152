/// A pool's limits. Nil means that nothing is known: only the in-flight ceiling holds then.
package struct PoolLimits: Sendable, Equatable {
    package var requestsPerMinute: Int?
    package var tokensPerMinute: Int?
    package var imagesPerMinute: Int?
    /// In any 24 hours.
    package var requestsPerDay: Int?
    /// In any 24 hours.
    package var tokensPerDay: Int?
    /// Attempts at once.
    package var maxInFlight: Int

    package init(
        requestsPerMinute: Int? = nil, tokensPerMinute: Int? = nil, imagesPerMinute: Int? = nil,
        requestsPerDay: Int? = nil, tokensPerDay: Int? = nil, maxInFlight: Int = 256
    ) {
        self.requestsPerMinute = requestsPerMinute
        self.tokensPerMinute = tokensPerMinute
        self.imagesPerMinute = imagesPerMinute
        self.requestsPerDay = requestsPerDay
        self.tokensPerDay = tokensPerDay
        self.maxInFlight = maxInFlight
    }
}

/// The limit a call would break for ever, however long it waited.
package enum LimitName: String, Sendable {
    case tokensPerMinute = "tokens_per_minute"
    case imagesPerMinute = "images_per_minute"
    case tokensPerDay = "tokens_per_day"
    case tenantTokensPerMinute = "tenant_tokens_per_minute"
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

/// What the provider had counted of us when it counted one attempt.
struct SendMark: Sendable, Equatable {
    var at: MonotonicTime
    var requests: Int64
    var tokens: Int64
}

/// One pool's quota: requests, tokens and images by the minute, requests and tokens by the day, taken together or not
/// at all, and a freeze after a 429.
struct PoolLimiter: Sendable {
    private(set) var requests: MinuteQuota
    private(set) var tokens: MinuteQuota
    private(set) var images: MinuteQuota
    private var dailyRequests: DayWindow?
    private var dailyTokens: DayWindow?
    private var ramp = RampGovernor()
    private var configured: PoolLimits
    private(set) var frozenUntil: MonotonicTime?

    init(_ limits: PoolLimits, at now: MonotonicTime) {
        configured = limits
        requests = MinuteQuota(configured: limits.requestsPerMinute, at: now)
        tokens = MinuteQuota(configured: limits.tokensPerMinute, at: now)
        images = MinuteQuota(configured: limits.imagesPerMinute, at: now)
        dailyRequests = limits.requestsPerDay.map { DayWindow(limit: $0, at: now) }
        dailyTokens = limits.tokensPerDay.map { DayWindow(limit: $0, at: now) }
    }

    /// The limits in force: the lower of configured and learned ones.
    var limits: PoolLimits {
        var limits = configured
        limits.requestsPerMinute = requests.limit
        limits.tokensPerMinute = tokens.limit
        return limits
    }

    /// The rate that `slow_down` left us, in requests a minute.
    var rampPerMinute: Int? { ramp.ratePerMinute }

    /// The limit that no waiting can satisfy: the call alone is larger than a whole minute's or day's quota.
    func unsatisfiable(_ cost: CallCost) -> (LimitName, Int)? {
        if let limit = tokens.limit, cost.tokens > limit { return (.tokensPerMinute, limit) }
        if let limit = images.limit, cost.images > limit { return (.imagesPerMinute, limit) }
        if let limit = configured.tokensPerDay, cost.tokens > limit { return (.tokensPerDay, limit) }
        return nil
    }

    /// The first moment at which `cost` fits, after `ahead` requests of `aheadTokens` tokens that go first.
    func grantTime(
        _ cost: CallCost, ahead: Int = 0, aheadTokens: Int = 0, reservePercent: Int = 0, at now: MonotonicTime
    ) -> MonotonicTime {
        // Buckets that are full before a freeze ends gain no more from it: the queue drains after it, not during it.
        let start = max(now, frozenUntil ?? now)
        var time = max(
            requests.grantTime(1, ahead: ahead, reservePercent: reservePercent, at: start),
            tokens.grantTime(cost.tokens, ahead: aheadTokens, reservePercent: reservePercent, at: start), start)
        if cost.images > 0 {
            time = max(time, images.grantTime(cost.images, ahead: 0, reservePercent: reservePercent, at: start))
        }
        if ramp.ratePerMinute != nil { time = max(time, ramp.grantTime(ahead: ahead, at: start)) }
        if let dailyRequests { time = max(time, dailyRequests.grantTime(1, after: ahead, at: start)) }
        if let dailyTokens { time = max(time, dailyTokens.grantTime(cost.tokens, after: aheadTokens, at: start)) }
        return time
    }

    /// Takes one request and what else it costs; call only when ``grantTime`` has come.
    mutating func take(_ cost: CallCost, at now: MonotonicTime) -> SendMark {
        assert(grantTime(cost, at: now) <= now, "took \(cost) before its time")
        requests.take(1, at: now)
        tokens.take(cost.tokens, at: now)
        if cost.images > 0 { images.take(cost.images, at: now) }
        dailyRequests?.take(1, at: now)
        dailyTokens?.take(cost.tokens, at: now)
        ramp.sent(at: now)
        return SendMark(at: now, requests: requests.sent, tokens: tokens.sent)
    }

    /// Corrects a reservation to what was really used.
    mutating func settle(reserved: CallCost, used: Int, at now: MonotonicTime) {
        let used = min(max(used, 0), TokenBucket.ceiling)
        tokens.settle(by: reserved.tokens - used, at: now)
        dailyTokens?.correct(by: reserved.tokens - used, at: now)
    }

    /// Gives everything back: the request never left the machine.
    mutating func refund(_ cost: CallCost, at now: MonotonicTime) {
        requests.refund(1, at: now)
        tokens.refund(cost.tokens, at: now)
        if cost.images > 0 { images.refund(cost.images, at: now) }
        dailyRequests?.correct(by: 1, at: now)
        dailyTokens?.correct(by: cost.tokens, at: now)
    }

    /// Stops the pool until `time` and has it start from nothing then: the provider's bucket was empty, and a burst
    /// from ours would meet the next 429. A later freeze that is already in force stays.
    mutating func freeze(until time: MonotonicTime, at now: MonotonicTime) {
        let until = max(frozenUntil ?? time, time)
        frozenUntil = until
        requests.drain(until: until, at: now)
        tokens.drain(until: until, at: now)
    }

    /// The provider asked for a slower start.
    mutating func slowDown(at now: MonotonicTime) { ramp.slowDown(at: now) }

    /// Lets the ramp follow the time.
    mutating func advance(at now: MonotonicTime) { ramp.advance(limit: requests.limit, at: now) }

    /// Learns from one answer's headers.
    mutating func observe(_ report: QuotaReport, mark: SendMark?, at now: MonotonicTime) {
        let mark = mark ?? SendMark(at: now, requests: requests.sent, tokens: tokens.sent)
        requests.observe(
            limit: report.requestLimit, remaining: report.requestsRemaining, sentThen: mark.requests, sentAt: mark.at,
            at: now)
        tokens.observe(
            limit: report.tokenLimit, remaining: report.tokensRemaining, sentThen: mark.tokens, sentAt: mark.at,
            at: now)
    }

    /// Puts new configured limits in force and keeps levels, debts and what was learned.
    mutating func reconfigure(_ limits: PoolLimits, at now: MonotonicTime) {
        configured = limits
        requests.reconfigure(limits.requestsPerMinute, at: now)
        tokens.reconfigure(limits.tokensPerMinute, at: now)
        images.reconfigure(limits.imagesPerMinute, at: now)
        Self.apply(limits.requestsPerDay, to: &dailyRequests, at: now)
        Self.apply(limits.tokensPerDay, to: &dailyTokens, at: now)
    }

    private static func apply(_ limit: Int?, to window: inout DayWindow?, at now: MonotonicTime) {
        guard let limit else {
            window = nil
            return
        }
        if window == nil { window = DayWindow(limit: limit, at: now) } else { window?.resize(limit: limit) }
    }

    /// What is left of the tightest quota, per mille.
    func leftPerMille(at now: MonotonicTime) -> Int {
        min(requests.leftPerMille(at: now), tokens.leftPerMille(at: now))
    }

    /// What a call counts in the sharing of this pool, in tokens: at least one request's worth of the minute's quota,
    /// so that many small calls weigh as what they take (dominant resource, Ghodsi et al. 2011). Where only requests
    /// are limited every call weighs the same.
    func charge(_ tokenCount: Int) -> Int {
        let charge: Int
        switch (requests.limit, tokens.limit) {
        case (.some(let requests), .some(let tokens)): charge = max(tokenCount, tokens / requests)
        case (.some, nil): charge = 1
        case (nil, _): charge = tokenCount
        }
        return min(max(1, charge), VirtualTime.chargeCeiling)
    }
}
