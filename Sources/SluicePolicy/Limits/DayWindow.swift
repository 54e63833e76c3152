/// A limit on any 24 hours: a sliding window of quarter hours, so that neither a calendar day's start nor a full
/// bucket lets twice the limit through.
struct DayWindow: Sendable, Equatable {
    /// Units in any 24 hours: 0.95 of the provider's limit, the margin for its clock and ours.
    private(set) var limit: Int
    private var slots = [Int](repeating: 0, count: Self.slotCount)
    private var sum = 0
    /// The quarter hour, counted from the clock's start, that is being filled.
    private var current: Int64 = 0

    static let slotMicroseconds: Int64 = 900_000_000
    /// A day of quarter hours and the one that is only partly past.
    private static let slotCount = 97

    init(limit: Int, at now: MonotonicTime) {
        self.limit = MinuteQuota.usable(limit)
        current = Self.slot(now)
    }

    private static func slot(_ now: MonotonicTime) -> Int64 { now.microseconds / slotMicroseconds }
    private static func index(_ slot: Int64) -> Int { Int(((slot % 97) + 97) % 97) }

    mutating func resize(limit: Int) { self.limit = MinuteQuota.usable(limit) }

    /// Units used within the last 24 hours.
    func used(at now: MonotonicTime) -> Int {
        var copy = self
        copy.advance(to: now)
        return copy.sum
    }

    private mutating func advance(to now: MonotonicTime) {
        let target = Self.slot(now)
        guard target > current else { return }
        if target - current >= Int64(Self.slotCount) {
            slots = [Int](repeating: 0, count: Self.slotCount)
            sum = 0
            current = target
        }
        while current < target {
            current += 1
            let index = Self.index(current)
            sum -= slots[index]
            slots[index] = 0
        }
        assert(sum >= 0, "the window's sum fell below zero")
    }

    /// The first moment at which `amount` fits if `ahead` units go first. An amount above the limit fits an empty
    /// window.
    func grantTime(_ amount: Int, after ahead: Int, at now: MonotonicTime) -> MonotonicTime {
        if current == Self.slot(now), sum + ahead + amount <= limit { return now }
        var copy = self
        copy.advance(to: now)
        var left = copy.sum + min(max(ahead, 0), TokenBucket.ceiling) + min(amount, limit) - limit
        guard left > 0 else { return now }
        var slot = copy.current
        for _ in 0..<Self.slotCount {
            slot += 1
            left -= copy.slots[Self.index(slot)]
            if left <= 0 { return MonotonicTime(microseconds: slot * Self.slotMicroseconds) }
        }
        // More is ahead than a day allows: whole days come on top.
        let days = Int64(left / limit) + 1
        return MonotonicTime(microseconds: (slot + days * 96) * Self.slotMicroseconds)
    }

    mutating func take(_ amount: Int, at now: MonotonicTime) {
        advance(to: now)
        slots[Self.index(current)] += amount
        sum += amount
    }

    /// Corrects an earlier take: positive gives back, but never more than the current quarter hour holds.
    mutating func correct(by amount: Int, at now: MonotonicTime) {
        advance(to: now)
        let index = Self.index(current)
        let back = min(amount, slots[index])
        slots[index] -= back
        sum -= back
    }
}
