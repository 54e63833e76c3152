import SluicePolicy

/// The course of a run in equal slots of time, for the picture.
struct Timeline: Sendable {
    struct Slot: Sendable {
        /// By pool of the scenario.
        var requests: [Int]
        var tokens: [Int]
        var rateLimited: [Int]
        var inFlight: [Int]
        /// By lane: the most that waited at one look, and the 95th percentile of the waits of calls sent.
        var queued = [Int](repeating: 0, count: PolicyLane.count)
        var waits = [Int64?](repeating: nil, count: PolicyLane.count)
        var refused = 0
    }

    let slotMicroseconds: Int64
    private(set) var slots: [Slot]
    /// Waits of the current slot, by lane: as many as are sent in one slot.
    private var pending = [[Int64]](repeating: [], count: PolicyLane.count)
    private var current = 0

    /// Slots in a picture at most.
    static let maximumSlots = 240

    init(_ scenario: Scenario) {
        slotMicroseconds = max(1_000_000, scenario.durationMicroseconds / Int64(Self.maximumSlots))
        let count = Int((scenario.durationMicroseconds + slotMicroseconds - 1) / slotMicroseconds)
        let none = [Int](repeating: 0, count: scenario.pools.count)
        slots = Array(
            repeating: Slot(requests: none, tokens: none, rateLimited: none, inFlight: none), count: max(1, count))
    }

    /// The slot of a moment; nil after the last.
    private mutating func slot(_ now: Int64) -> Int? {
        let index = Int(now / slotMicroseconds)
        while current < min(index, slots.count) { closeSlot() }
        return index < slots.count ? index : nil
    }

    private mutating func closeSlot() {
        for lane in pending.indices {
            guard !pending[lane].isEmpty else { continue }
            pending[lane].sort()
            // Nearest rank.
            slots[current].waits[lane] = pending[lane][(pending[lane].count * 950 + 999) / 1000 - 1]
            pending[lane].removeAll(keepingCapacity: true)
        }
        current += 1
    }

    mutating func sent(pool: Int, tokens: Int, firstWait: (PolicyLane, Int64)?, at now: Int64) {
        guard let slot = slot(now) else { return }
        slots[slot].requests[pool] += 1
        slots[slot].tokens[pool] += tokens
        if let (lane, wait) = firstWait { pending[lane.rawValue].append(wait) }
    }

    mutating func rateLimited(pool: Int, at now: Int64) {
        if let slot = slot(now) { slots[slot].rateLimited[pool] += 1 }
    }

    mutating func refused(at now: Int64) {
        if let slot = slot(now) { slots[slot].refused += 1 }
    }

    /// One look at everything: calls waiting by lane, attempts in flight by pool of the scenario.
    mutating func sample(queued: [Int], inFlight: [Int], at now: Int64) {
        guard let slot = slot(now) else { return }
        for lane in queued.indices { slots[slot].queued[lane] = max(slots[slot].queued[lane], queued[lane]) }
        for pool in inFlight.indices { slots[slot].inFlight[pool] = max(slots[slot].inFlight[pool], inFlight[pool]) }
    }

    mutating func close() { while current < slots.count { closeSlot() } }
}
