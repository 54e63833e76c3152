/// A tenant's own rate ceilings, over all pools. They are ours, so no margin is kept below them.
struct TenantCeilings: Sendable, Equatable {
    private var requests: TokenBucket?
    private var tokens: TokenBucket?
    private(set) var requestsPerMinute: Int?
    private(set) var tokensPerMinute: Int?

    init(_ parameters: TenantParameters, at now: MonotonicTime) { reconfigure(parameters, at: now) }

    var isEmpty: Bool { requests == nil && tokens == nil }

    func grantTime(
        _ cost: CallCost, ahead: Int = 0, aheadTokens: Int = 0, at now: MonotonicTime
    ) -> MonotonicTime {
        max(
            requests?.grantTime(1, after: ahead, at: now) ?? now,
            tokens?.grantTime(cost.tokens, after: aheadTokens, at: now) ?? now)
    }

    mutating func take(_ cost: CallCost, at now: MonotonicTime) {
        requests?.take(1, at: now)
        tokens?.take(cost.tokens, at: now)
    }

    mutating func settle(by amount: Int, at now: MonotonicTime) { tokens?.correct(by: amount, at: now) }

    mutating func refund(_ cost: CallCost, at now: MonotonicTime) {
        requests?.correct(by: 1, at: now)
        tokens?.correct(by: cost.tokens, at: now)
    }

    mutating func reconfigure(_ parameters: TenantParameters, at now: MonotonicTime) {
        requestsPerMinute = parameters.requestsPerMinute
        tokensPerMinute = parameters.tokensPerMinute
        Self.apply(parameters.requestsPerMinute, to: &requests, at: now)
        Self.apply(parameters.tokensPerMinute, to: &tokens, at: now)
    }

    private static func apply(_ limit: Int?, to bucket: inout TokenBucket?, at now: MonotonicTime) {
        guard let limit else {
            bucket = nil
            return
        }
        let rate = min(max(1, limit), TokenBucket.ceiling)
        let capacity = max(1, rate * 5 / 60)
        guard bucket != nil else {
            bucket = TokenBucket(ratePerMinute: rate, capacity: capacity, at: now)
            return
        }
        bucket?.resize(ratePerMinute: rate, capacity: capacity, at: now)
    }
}
