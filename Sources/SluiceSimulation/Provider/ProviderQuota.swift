/// The provider's quota of one key, as the stand-in keeps it (`SluiceProvider/Model/RateLimiter.swift`): full buckets
/// of a minute's limit, refilled continuously, taken together or not at all; the prompt and the asked-for maximum count
/// up front, nothing comes back, and a refused request counts as a request too.
struct ProviderQuota: Sendable {
    private(set) var requests: ProviderBucket?
    private(set) var tokens: ProviderBucket?
    private(set) var images: ProviderBucket?

    enum Verdict: Equatable {
        case granted
        /// Nil: it will never fit.
        case refused(waitMicroseconds: Int64?)
    }

    /// - Parameter leftPercent: of a minute's quota, what is left at the start, 0…100.
    init(_ limits: ProviderLimits, leftPercent: Int = 100, at now: Int64) {
        let bucket: (Int) -> ProviderBucket = { limit in
            var bucket = ProviderBucket(limit: limit, at: now)
            bucket.take(limit - limit * leftPercent / 100, at: now)
            return bucket
        }
        requests = limits.requestsPerMinute.map(bucket)
        tokens = limits.tokensPerMinute.map(bucket)
        images = limits.imagesPerMinute.map(bucket)
    }

    mutating func admit(tokens count: Int, images imageCount: Int, at now: Int64) -> Verdict {
        let waits = [
            Self.wait(requests, for: 1, at: now), Self.wait(tokens, for: count, at: now),
            Self.wait(images, for: imageCount, at: now),
        ]
        requests?.take(1, at: now)
        guard waits.allSatisfy({ $0 == 0 }) else {
            let known = waits.compactMap { $0 }
            return .refused(waitMicroseconds: known.count == waits.count ? known.max() : nil)
        }
        tokens?.take(count, at: now)
        images?.take(imageCount, at: now)
        return .granted
    }

    /// Nil: it will never fit. What has no limit always fits.
    private static func wait(_ bucket: ProviderBucket?, for units: Int, at now: Int64) -> Int64? {
        guard let bucket else { return 0 }
        return bucket.wait(for: units, at: now)
    }

    /// Other limits from now on; what is left stays, up to the new limit.
    mutating func change(_ limits: ProviderLimits, at now: Int64) {
        Self.change(&requests, limits.requestsPerMinute, at: now)
        Self.change(&tokens, limits.tokensPerMinute, at: now)
        Self.change(&images, limits.imagesPerMinute, at: now)
    }

    /// What others of the organisation use from now on, per minute.
    mutating func othersUse(requests perMinute: Int, tokens tokensPerMinute: Int, at now: Int64) {
        requests?.drain(perMinute: perMinute, at: now)
        tokens?.drain(perMinute: tokensPerMinute, at: now)
    }

    private static func change(_ bucket: inout ProviderBucket?, _ limit: Int?, at now: Int64) {
        guard let limit else { return bucket = nil }
        if bucket == nil { bucket = ProviderBucket(limit: limit, at: now) } else { bucket?.resize(limit, at: now) }
    }
}

/// One limit of a provider. Levels are kept in units × microseconds of a minute, so that no refill is ever rounded.
struct ProviderBucket: Sendable {
    private static let minute: Int64 = 60_000_000

    private(set) var limit: Int
    private var level: Int64
    private var drainPerMinute = 0
    private var updatedAt: Int64

    init(limit: Int, at now: Int64) {
        self.limit = limit
        level = Int64(limit) * Self.minute
        updatedAt = now
    }

    /// Whole units that are left.
    func remaining(at now: Int64) -> Int {
        var copy = self
        copy.refill(at: now)
        return Int(copy.level / Self.minute)
    }

    /// Microseconds until `units` are there, others' use left aside; nil: never.
    func wait(for units: Int, at now: Int64) -> Int64? {
        guard units <= limit else { return nil }
        var copy = self
        copy.refill(at: now)
        let missing = Int64(units) * Self.minute - copy.level
        return missing <= 0 ? 0 : (missing + Int64(limit) - 1) / Int64(limit)
    }

    mutating func take(_ units: Int, at now: Int64) {
        refill(at: now)
        level = max(0, level - Int64(units) * Self.minute)
    }

    mutating func resize(_ limit: Int, at now: Int64) {
        refill(at: now)
        self.limit = limit
        level = min(level, Int64(limit) * Self.minute)
    }

    mutating func drain(perMinute: Int, at now: Int64) {
        refill(at: now)
        drainPerMinute = perMinute
    }

    private mutating func refill(at now: Int64) {
        let elapsed = now - updatedAt
        guard elapsed > 0 else { return }
        updatedAt = now
        let rate = Int64(limit - drainPerMinute)
        let (product, overflow) = rate.multipliedReportingOverflow(by: elapsed)
        let full = Int64(limit) * Self.minute
        guard !overflow else { return level = rate > 0 ? full : 0 }
        level = max(0, min(full, level + product))
    }
}
