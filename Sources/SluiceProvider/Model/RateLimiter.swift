/// A continuously refilled bucket of a per-minute limit, in whole numbers, so that no rounding ever loses a unit.
///
/// Levels are kept in units × nanoseconds per minute: the bucket then gains exactly `limit` per nanosecond.
struct QuotaBucket: Sendable, Equatable {
    /// Largest limit that the arithmetic carries without overflow.
    static let maxLimit = 150_000_000
    private static let minuteNS = 60_000_000_000

    /// Units per minute; also the capacity.
    let limit: Int
    private var level: Int
    private var updatedNS: UInt64

    /// A full bucket. `limit` is clamped to 1 … `maxLimit`.
    init(limit: Int, nowNS: UInt64) {
        self.limit = min(max(limit, 1), Self.maxLimit)
        level = self.limit * Self.minuteNS
        updatedNS = nowNS
    }

    /// Whole units that are left.
    var remaining: Int { level / Self.minuteNS }

    /// Nanoseconds until the bucket is full.
    var fullAfterNS: Int { divideUp(limit * Self.minuteNS - level, by: limit) }

    /// Brings the level up to date; a clock that stood still or went back changes nothing.
    mutating func refill(nowNS: UInt64) {
        guard nowNS > updatedNS else { return }
        let elapsed = Int(min(nowNS - updatedNS, UInt64(fullAfterNS)))
        level = min(limit * Self.minuteNS, level + elapsed * limit)
        updatedNS = nowNS
    }

    /// Nanoseconds until `units` are there: 0 when they are, `nil` when they never will be.
    func waitNS(for units: Int) -> Int? {
        guard units <= limit else { return nil }
        return divideUp(max(units * Self.minuteNS - level, 0), by: limit)
    }

    /// Takes `units`, stopping at empty.
    mutating func take(_ units: Int) {
        level = max(level - min(units, limit) * Self.minuteNS, 0)
    }

    private func divideUp(_ amount: Int, by divisor: Int) -> Int {
        amount / divisor + (amount % divisor > 0 ? 1 : 0)
    }
}

/// What a model may be asked for per minute; `nil` is no limit, and then no rate-limit header either.
package struct RateLimits: Sendable, Equatable {
    /// Requests per minute, 1 … 150,000,000.
    package var requestsPerMinute: Int?
    /// Tokens per minute, 1 … 150,000,000: the prompt plus the asked-for maximum output, counted up front.
    package var tokensPerMinute: Int?
    /// A refused call counts as a request, as OpenAI says of its own limits.
    package var countsRefused = true

    /// Limits; none by default.
    package init(requestsPerMinute: Int? = nil, tokensPerMinute: Int? = nil) {
        self.requestsPerMinute = requestsPerMinute
        self.tokensPerMinute = tokensPerMinute
    }
}

/// The two quotas of one (key, model), taken together or not at all.
///
/// Unless told otherwise, a refused call counts against the request limit too, so hammering does not help.
struct RateLimiter: Sendable {
    enum Quota: String, Sendable { case requests, tokens }

    enum Verdict: Sendable, Equatable {
        case granted
        /// Refused for want of `quota`; enough is there after `waitNS`, or never when that is `nil`.
        case refused(quota: Quota, waitNS: Int?)
    }

    private(set) var requests: QuotaBucket?
    private(set) var tokens: QuotaBucket?
    private let countsRefused: Bool

    init(limits: RateLimits, nowNS: UInt64) {
        requests = limits.requestsPerMinute.map { QuotaBucket(limit: $0, nowNS: nowNS) }
        tokens = limits.tokensPerMinute.map { QuotaBucket(limit: $0, nowNS: nowNS) }
        countsRefused = limits.countsRefused
    }

    /// Admits one call that may use up to `tokenCount` tokens.
    mutating func admit(tokenCount: Int, nowNS: UInt64) -> Verdict {
        requests?.refill(nowNS: nowNS)
        tokens?.refill(nowNS: nowNS)
        if let refusal = refusal(tokenCount: tokenCount) {
            if countsRefused { requests?.take(1) }
            return refusal
        }
        requests?.take(1)
        tokens?.take(tokenCount)
        return .granted
    }

    private func refusal(tokenCount: Int) -> Verdict? {
        if let requests, requests.waitNS(for: 1) != 0 {
            return .refused(quota: .requests, waitNS: requests.waitNS(for: 1))
        }
        if let tokens, tokens.waitNS(for: tokenCount) != 0 {
            return .refused(quota: .tokens, waitNS: tokens.waitNS(for: tokenCount))
        }
        return nil
    }
}
