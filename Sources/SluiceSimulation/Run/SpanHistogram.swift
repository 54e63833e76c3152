/// Times in microseconds by logarithmic slots: 128 to the octave, so a percentile is off by less than 0.8 %; exact
/// below 256 µs. Grows with the largest time, to 37 KB at most.
struct SpanHistogram: Sendable {
    private var counts: [Int32] = []
    private(set) var count = 0
    private(set) var sum: Int64 = 0

    private static let most: Int64 = 1 << 40

    mutating func add(_ microseconds: Int64) {
        let value = min(max(microseconds, 0), Self.most)
        let slot = Self.slot(value)
        if slot >= counts.count { counts += Array(repeating: 0, count: slot + 1 - counts.count) }
        counts[slot] += 1
        count += 1
        sum += value
    }

    /// The time that `perMille` of 1,000 do not exceed (nearest rank); nil when there is none.
    func percentile(perMille: Int) -> Int64? {
        guard count > 0 else { return nil }
        var left = max(1, (count * perMille + 999) / 1000)
        for (slot, slotCount) in counts.enumerated() {
            left -= Int(slotCount)
            if left <= 0 { return Self.value(slot) }
        }
        return nil
    }

    mutating func merge(_ other: SpanHistogram) {
        if other.counts.count > counts.count {
            counts += Array(repeating: 0, count: other.counts.count - counts.count)
        }
        for (slot, slotCount) in other.counts.enumerated() { counts[slot] += slotCount }
        count += other.count
        sum += other.sum
    }

    private static func slot(_ value: Int64) -> Int {
        guard value >= 256 else { return Int(value) }
        let shift = Int64.bitWidth - value.leadingZeroBitCount - 8
        return shift * 128 + Int(value >> Int64(shift))
    }

    /// The middle of a slot.
    private static func value(_ slot: Int) -> Int64 {
        guard slot >= 256 else { return Int64(slot) }
        let shift = Int64((slot - 128) / 128)
        let base = Int64(slot) - shift * 128
        return base << shift + (Int64(1) << shift) / 2
    }
}
