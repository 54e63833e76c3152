/// A moment on the monotonic clock, in microseconds. It never mixes with wall time.
package struct MonotonicTime: Comparable, Hashable, Sendable {
    /// Microseconds since some fixed, unknown moment.
    package let microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.microseconds < rhs.microseconds }

    /// The moment `microseconds` later; saturates instead of trapping, for "never" is a time too.
    package func advanced(byMicroseconds microseconds: Int64) -> Self {
        let (sum, overflow) = self.microseconds.addingReportingOverflow(microseconds)
        return Self(microseconds: overflow ? (microseconds > 0 ? Int64.max : Int64.min) : sum)
    }

    /// Microseconds from `earlier` to this moment; negative when it lies ahead.
    package func microseconds(since earlier: Self) -> Int64 {
        let (difference, overflow) = microseconds.subtractingReportingOverflow(earlier.microseconds)
        return overflow ? Int64.max : difference
    }

    /// Later than every moment that will come.
    package static let never = Self(microseconds: Int64.max)
}
