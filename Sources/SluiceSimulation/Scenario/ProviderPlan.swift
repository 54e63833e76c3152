/// What stands behind one pool: limits, pace, and what goes wrong when.
struct ProviderPlan: Sendable {
    var limits = ProviderLimits()
    /// Per cent of a minute's quota that is left when the run begins, 0…100.
    var leftPercent = 100
    /// Microseconds there and back, without the model's time.
    var roundTripMicroseconds: Int64 = 20_000
    /// Microseconds from the request's arrival to the first token.
    var firstToken = Distribution.logNormal(median: 300_000, sigma: 0.4, most: 60e6)
    /// Output tokens a second, of each answer for itself.
    var tokensPerSecond = 60.0
    /// Spread of the pace: the standard deviation of its logarithm.
    var paceSigma = 0.2
    /// Output tokens that count up front for a call that names no maximum.
    var outputWhenUnlimited = 256
    /// By time of start.
    var schedule: [ProviderChange] = []
}

/// Per minute; nil is no limit, and then no header either.
struct ProviderLimits: Sendable, Equatable {
    var requestsPerMinute: Int?
    var tokensPerMinute: Int?
    var imagesPerMinute: Int?
}

/// Something that is so from one moment to another.
struct ProviderChange: Sendable {
    enum Kind: Sendable, Equatable {
        /// Connections are refused.
        case refuse
        /// 500.
        case error
        /// 503 `server_is_overloaded`.
        case overloaded
        /// No answer, ever.
        case hang
        /// The connection breaks half-way.
        case cut
        /// Everything takes this many times as long.
        case slow(factor: Double)
        /// 429 `slow_down`.
        case slowDown
        /// 429 `insufficient_quota`.
        case quotaExhausted
        /// Other limits.
        case limits(ProviderLimits)
        /// Others of the same organisation use this much.
        case otherHosts(requestsPerMinute: Int, tokensPerMinute: Int)
        case noHeaders
        /// `x-ratelimit-remaining-*: 0`, whatever is left.
        case zeroRemaining
        /// `x-ratelimit-limit-*` is this share of the truth.
        case limitLie(percent: Int)
    }

    var from: Int64
    var until: Int64
    /// Of 100 calls, those that it strikes.
    var percent: Double
    var kind: Kind
}
