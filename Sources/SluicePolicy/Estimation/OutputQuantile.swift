/// The running 95th percentile of how many tokens answers had.
///
/// A histogram with logarithmic buckets (the idea of HdrHistogram and of DDSketch: Masson, Rim, Lee 2019), sixteen to
/// each doubling, so that a quantile is within 1/32 of a value that occurred. It forgets in two ways. Counts are halved
/// whenever there are ``capacity`` of them. And a change is noticed: when ``quietRun`` answers in a row stay below the
/// percentile (by chance: 0.95¹²⁸, 0.14 %), or ``loudRun`` in a row pass it (0.05⁶), only an eighth of what was known
/// is kept, so that a shift is followed within a few hundred answers downwards and a few dozen upwards.
package struct OutputQuantile: Sendable, Equatable {
    /// Answers that are remembered at most.
    static let capacity = 2048
    /// Answers before a percentile is told: with fewer, the 95th is the largest.
    package static let minimumSamples = 20
    /// Longer answers are taken for this long: 2²⁰ tokens.
    package static let ceiling = 1 << 20
    static let quietRun = 128
    static let loudRun = 6

    private static let subBits = 4
    /// Values below 16 have a bucket each; above, sixteen buckets for each of sixteen doublings, and one for the top.
    private static let bucketCount = 16 + 16 * 16 + 1

    /// Counts by bucket, at most ``capacity`` each; empty before the first answer, so that an unused one is small.
    private var counts: [UInt16] = []
    private var total = 0
    /// Consecutive answers on one side of the percentile: positive above, negative below.
    private var run = 0
    private var current = 0
    /// Whether there ever were ``minimumSamples``: what a change made forget does not silence it.
    private var isKnown = false

    /// Knows nothing yet.
    package init() {}

    /// The 95th percentile in tokens, 0…``ceiling``; nil before ``minimumSamples`` answers.
    package var percentile: Int? { isKnown ? current : nil }

    /// Adds an answer's tokens; a negative count is ignored.
    package mutating func learn(_ tokens: Int) {
        guard tokens >= 0 else { return }
        let value = min(tokens, Self.ceiling)
        if counts.isEmpty { counts = [UInt16](repeating: 0, count: Self.bucketCount) }
        let bucket = Self.bucket(value)
        if isKnown { noteSide(bucket) }
        if total >= Self.capacity { forget(keepingOneIn: 2) }
        counts[bucket] += 1
        total += 1
        isKnown = isKnown || total >= Self.minimumSamples
        current = quantile()
        assert(total <= Self.capacity, "\(total) answers remembered of \(Self.capacity)")
    }

    /// Sides are told apart by bucket: an answer as long as the percentile speaks for it.
    private mutating func noteSide(_ bucket: Int) {
        let edge = Self.bucket(current)
        run = bucket == edge ? 0 : bucket > edge ? max(0, run) + 1 : min(0, run) - 1
        guard run >= Self.loudRun || run <= -Self.quietRun else { return }
        run = 0
        forget(keepingOneIn: 8)
    }

    /// Remainders go on to the next bucket, so that many small counts shrink like one large one.
    private mutating func forget(keepingOneIn divisor: Int) {
        var carry = 0
        total /= divisor
        for index in counts.indices where counts[index] > 0 {
            let (kept, left) = (Int(counts[index]) + carry).quotientAndRemainder(dividingBy: divisor)
            counts[index] = UInt16(kept)
            carry = left
        }
    }

    /// From the top, where only a twentieth of the answers lies; inside a bucket as if they were spread evenly.
    private func quantile() -> Int {
        // In twentieths of an answer, so that few answers round nothing away.
        var above = 0
        for index in counts.indices.reversed() where counts[index] > 0 {
            let count = Int(counts[index])
            if (above + count) * 20 > total {
                let range = Self.values(of: index)
                let inside = total - above * 20
                return range.upperBound - range.count * inside / (count * 20)
            }
            above += count
        }
        return 0
    }

    private static func bucket(_ value: Int) -> Int {
        guard value >= 16 else { return value }
        let exponent = Int.bitWidth - 1 - value.leadingZeroBitCount
        return 16 + (exponent - subBits) * 16 + (value >> (exponent - subBits)) - 16
    }

    private static func values(of bucket: Int) -> ClosedRange<Int> {
        guard bucket >= 16 else { return bucket...bucket }
        let (doubling, place) = (bucket - 16).quotientAndRemainder(dividingBy: 16)
        let low = (16 + place) << doubling
        return low...min(ceiling, low + (1 << doubling) - 1)
    }
}
