/// A count that only grows. Owned by one thread: no lock, no atomic; the owner keeps the handle and increments it.
package final class Counter {
    /// Wraps around after 2⁶⁴, which at a gigabyte per second takes 584 years.
    package private(set) var value: UInt64 = 0

    init() {}

    /// Adds to the count; negative amounts are a programming error.
    package func increment(by amount: Int = 1) {
        precondition(amount >= 0, "a counter cannot fall by \(amount)")
        value &+= UInt64(amount)
    }
}

/// A value that goes up and down. Owned by one thread.
package final class Gauge {
    /// The value now.
    package private(set) var value: Double = 0

    init() {}

    /// Replaces the value. In a family whose labels can be folded into `other` use ``add(_:)``: several owners may then
    /// share this gauge.
    package func set(_ value: Double) {
        self.value = value
    }

    /// Moves the value.
    package func add(_ difference: Double) {
        value += difference
    }
}

/// A distribution of spans of time over fixed buckets. Owned by one thread.
package final class Histogram {
    /// Upper bounds in seconds, rising; the bucket for everything above them is implied.
    package let bounds: [Double]
    /// Observations by bucket, not cumulated; one more than ``bounds``.
    package private(set) var counts: [UInt64]
    /// Sum of all observations in seconds.
    package private(set) var sum: Double = 0

    init(bounds: [Double]) {
        self.bounds = bounds
        self.counts = [UInt64](repeating: 0, count: bounds.count + 1)
    }

    /// Observations altogether.
    package var count: UInt64 { counts.reduce(0, &+) }

    /// Records one span of time. A clock that went back counts as zero; NaN is ignored. O(log buckets).
    package func observe(seconds: Double) {
        guard !seconds.isNaN else { return }
        let seconds = max(0, seconds)
        var (low, high) = (0, bounds.count)
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < seconds { low = middle + 1 } else { high = middle }
        }
        counts[low] &+= 1
        sum += seconds
    }

    /// Records one span of time.
    package func observe(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        observe(seconds: Double(seconds) + Double(attoseconds) * 1e-18)
    }
}
