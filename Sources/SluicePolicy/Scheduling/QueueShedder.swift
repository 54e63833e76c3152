/// Overload control of one tenant's queue: CoDel (Nichols and Jacobson, RFC 8289), applied per flow as in FQ-CoDel (RFC
/// 8290), so that who overloads the lane is shed and nobody else.
///
/// A queue that absorbs a burst is good; one that stands is only delay. When even the shortest wait within an interval
/// is above the target, calls are shed, one at first, then ever faster by the square root of their number, until the
/// wait is below the target.
struct QueueShedder: Sendable, Equatable {
    private var aboveSince: MonotonicTime?
    private var isShedding = false
    private var nextShed = MonotonicTime(microseconds: 0)
    private var count = 0
    private var lastCount = 0

    /// Whether the call that is about to be served, after waiting `sojourn`, is shed instead. Call it once for each
    /// call that leaves the queue to be served.
    ///
    /// - Parameter isLast: nothing stands behind it: shedding it would shorten nobody's wait.
    mutating func sheds(
        sojourn: Int64, target: Int64, interval: Int64, isLast: Bool, at now: MonotonicTime
    ) -> Bool {
        guard sojourn >= target, !isLast else {
            aboveSince = nil
            isShedding = false
            return false
        }
        guard let since = aboveSince else {
            aboveSince = now
            return false
        }
        if isShedding {
            guard now >= nextShed else { return false }
            count += 1
            nextShed = nextShed.advanced(byMicroseconds: Self.pace(interval, count))
            return true
        }
        guard now.microseconds(since: since) >= interval else { return false }
        isShedding = true
        // A queue that stood a moment ago is shed at the rate that was needed then.
        let recent = count - lastCount
        count = recent > 1 && now.microseconds(since: nextShed) < 16 * interval ? recent : 1
        lastCount = count
        nextShed = now.advanced(byMicroseconds: Self.pace(interval, count))
        return true
    }

    /// interval / √count, in whole numbers.
    static func pace(_ interval: Int64, _ count: Int) -> Int64 {
        let root = squareRoot(UInt64(max(1, count)) << 20)
        return max(1, Int64((UInt64(max(0, interval)) << 10) / max(1, root)))
    }

    /// The whole part of a square root (Newton's method).
    private static func squareRoot(_ value: UInt64) -> UInt64 {
        guard value > 1 else { return value }
        var guess = UInt64(1) << UInt64((UInt64.bitWidth - value.leadingZeroBitCount + 1) / 2)
        while true {
            let next = (guess + value / guess) / 2
            if next >= guess { return guess }
            guess = next
        }
    }
}
