/// A bucket that refills continuously, in whole numbers only, and that may run into debt.
///
/// One unit is kept as 60,000,000 parts, so a rate per minute adds exactly `ratePerMinute` parts every microsecond and
/// no rounding ever accumulates. A take is allowed when the level covers the amount or the bucket is full: an
/// amount above the capacity is then paid back as debt. Over any interval *T* what is taken is therefore at most
/// `capacity + rate × T + (largest amount − capacity)⁺`, the leaky-bucket bound (Turner 1986) plus the one oversize
/// take.
package struct TokenBucket: Sendable, Equatable {
    /// Units per minute.
    package private(set) var ratePerMinute: Int
    /// Units the bucket holds at most.
    package private(set) var capacity: Int

    private var level: Int64
    private var updatedAt: MonotonicTime

    /// Parts per unit: the microseconds of a minute.
    private static let scale: Int64 = 60_000_000
    /// Rates and capacities above this are refused, so that no product can overflow.
    package static let ceiling = 10_000_000_000

    /// - Parameters:
    ///   - ratePerMinute: 1…``ceiling`` units.
    ///   - capacity: 1…``ceiling`` units; the bucket starts full.
    package init(ratePerMinute: Int, capacity: Int, at now: MonotonicTime) {
        precondition((1...Self.ceiling).contains(ratePerMinute), "rate out of range: \(ratePerMinute)")
        precondition((1...Self.ceiling).contains(capacity), "capacity out of range: \(capacity)")
        self.ratePerMinute = ratePerMinute
        self.capacity = capacity
        level = Int64(capacity) * Self.scale
        updatedAt = now
    }

    /// Whole units in the bucket; negative in debt.
    package func available(at now: MonotonicTime) -> Int {
        var copy = self
        copy.refill(at: now)
        return Int(copy.level / Self.scale) - (copy.level % Self.scale < 0 ? 1 : 0)
    }

    /// The first moment at which ``take(_:at:)`` of `amount` will be granted if nothing is taken before but `ahead`
    /// units, each as soon as it fits.
    ///
    /// - Parameter reserve: units that shall be left in the bucket, as far as it can hold them besides.
    package func grantTime(
        _ amount: Int, after ahead: Int = 0, reserve: Int = 0, at now: MonotonicTime
    ) -> MonotonicTime {
        var copy = self
        copy.refill(at: now)
        let needed = min(max(amount, 0) + max(reserve, 0), capacity) + min(max(ahead, 0), Self.ceiling)
        let missing = Int64(needed) * Self.scale - copy.level
        guard missing > 0 else { return now }
        let wait = (missing + Int64(ratePerMinute) - 1) / Int64(ratePerMinute)
        // From the last refill, which is later than `now` where the question is older than the last event.
        return copy.updatedAt.advanced(byMicroseconds: wait)
    }

    /// Takes `amount` units; call only when ``grantTime(_:at:)`` has come.
    package mutating func take(_ amount: Int, at now: MonotonicTime) {
        precondition((0...Self.ceiling).contains(amount), "amount out of range: \(amount)")
        refill(at: now)
        assert(level >= Int64(min(amount, capacity)) * Self.scale, "took \(amount) from a level of \(level)")
        level -= Int64(amount) * Self.scale
    }

    /// Corrects an earlier take: positive gives back, negative takes more, into debt if need be.
    ///
    /// A correction drives the level into at most one minute's debt: the provider's own window reaches back no
    /// further, and a usage that is absurd must not close a pool for years.
    package mutating func correct(by amount: Int, at now: MonotonicTime) {
        precondition(abs(amount) <= Self.ceiling, "correction out of range: \(amount)")
        refill(at: now)
        let floor = min(level, -Int64(ratePerMinute) * Self.scale)
        level = max(floor, min(level + Int64(amount) * Self.scale, Int64(capacity) * Self.scale))
        assert(level <= Int64(capacity) * Self.scale, "level \(level) over capacity \(capacity)")
    }

    /// Lowers the level to what the provider says is left; never raises it.
    package mutating func pullDown(to remaining: Int, at now: MonotonicTime) {
        precondition(remaining >= 0, "remaining is negative: \(remaining)")
        refill(at: now)
        level = min(level, Int64(min(remaining, capacity)) * Self.scale)
    }

    /// Empties the bucket and lets nothing flow in before `time`.
    package mutating func hold(until time: MonotonicTime, at now: MonotonicTime) {
        refill(at: now)
        level = min(level, 0)
        updatedAt = max(updatedAt, time)
    }

    /// Changes rate and capacity and keeps what is in the bucket, debt included.
    package mutating func resize(ratePerMinute: Int, capacity: Int, at now: MonotonicTime) {
        precondition((1...Self.ceiling).contains(ratePerMinute), "rate out of range: \(ratePerMinute)")
        precondition((1...Self.ceiling).contains(capacity), "capacity out of range: \(capacity)")
        refill(at: now)
        self.ratePerMinute = ratePerMinute
        self.capacity = capacity
        level = min(level, Int64(capacity) * Self.scale)
    }

    private mutating func refill(at now: MonotonicTime) {
        let elapsed = now.microseconds(since: updatedAt)
        guard elapsed > 0 else { return }
        updatedAt = now
        let full = Int64(capacity) * Self.scale
        let missing = full - level
        // Compared by division first: a long sleep times a high rate would overflow.
        level = missing / Int64(ratePerMinute) < elapsed ? full : level + elapsed * Int64(ratePerMinute)
    }
}
