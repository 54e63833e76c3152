/// Obeys the provider's `slow_down`: go back to the rate of before, then grow by at most half in 15 minutes (OpenAI's
/// guide to its error codes).
struct RampGovernor: Sendable, Equatable {
    /// Requests sent in each of the last 15 minutes and in the current one.
    private var counts = [Int](repeating: 0, count: 16)
    private var minute: Int64 = 0
    private var ramp: Ramp?

    private struct Ramp: Sendable, Equatable {
        var basePerMinute: Int
        var startedAt: MonotonicTime
        var bucket: TokenBucket
        var shapedAt: MonotonicTime
    }

    private static let periodMicroseconds: Int64 = 900_000_000
    /// After so many periods the rate has grown 25-fold, and the governor lets go.
    private static let periods: Int64 = 8

    /// Requests a minute that are allowed now; nil while nothing is governed.
    var ratePerMinute: Int? { ramp?.bucket.ratePerMinute }

    mutating func sent(at now: MonotonicTime) {
        advance(to: now)
        counts[Int(minute % 16)] += 1
        guard ramp != nil else { return }
        shape(at: now)
        ramp?.bucket.take(1, at: now)
    }

    func grantTime(ahead: Int, at now: MonotonicTime) -> MonotonicTime {
        ramp?.bucket.grantTime(1, after: ahead, at: now) ?? now
    }

    /// The provider asked for a slower start. The minute in which it did is the spike, and does not count.
    mutating func slowDown(at now: MonotonicTime) {
        advance(to: now)
        let before = counts.indices.filter { $0 != Int(minute % 16) }.map { counts[$0] }
        let base = max(1, before.reduce(0, +) / before.count)
        ramp = Ramp(
            basePerMinute: base, startedAt: now,
            bucket: TokenBucket(ratePerMinute: base, capacity: max(1, base * 5 / 60), at: now), shapedAt: now)
    }

    /// Called about once a tick: the rate follows the time, and the governor ends when `limit` is reached.
    mutating func advance(limit: Int?, at now: MonotonicTime) {
        guard let ramp else { return }
        shape(at: now)
        let elapsed = now.microseconds(since: ramp.startedAt) / Self.periodMicroseconds
        let isDone = limit.map { ramp.bucket.ratePerMinute >= $0 } ?? false
        if isDone || elapsed >= Self.periods { self.ramp = nil }
    }

    private mutating func advance(to now: MonotonicTime) {
        let target = max(0, now.microseconds) / 60_000_000
        guard target > minute else { return }
        if target - minute >= 16 { counts = [Int](repeating: 0, count: 16) }
        for passed in stride(from: max(minute + 1, target - 15), through: target, by: 1) {
            counts[Int(passed % 16)] = 0
        }
        minute = target
    }

    private mutating func shape(at now: MonotonicTime) {
        guard let ramp, now.microseconds(since: ramp.shapedAt) >= 10_000_000 else { return }
        let rate = Self.rate(base: ramp.basePerMinute, after: now.microseconds(since: ramp.startedAt))
        self.ramp?.bucket.resize(ratePerMinute: rate, capacity: max(1, rate * 5 / 60), at: now)
        self.ramp?.shapedAt = now
    }

    /// Half more for each period, straight lines in between: never more than half more than 15 minutes before.
    static func rate(base: Int, after elapsed: Int64) -> Int {
        // In 1/1024, so that a rate of one a minute grows too.
        var rate = Int64(min(base, TokenBucket.ceiling / 64)) << 10
        var left = max(0, elapsed)
        var period: Int64 = 0
        while left >= periodMicroseconds, period < periods {
            rate += rate / 2
            left -= periodMicroseconds
            period += 1
        }
        let inBetween = Int64(Int128(rate / 2) * Int128(min(left, periodMicroseconds)) / Int128(periodMicroseconds))
        return max(1, Int((rate + inBetween) >> 10))
    }
}
