/// A call's name inside the core: a slot and the generation that tells a reused slot from its former tenant.
package struct CallID: Hashable, Sendable {
    let slot: Int32
    let generation: UInt32

    /// One number, for whoever carries it through the outside world.
    package var rawValue: UInt64 { UInt64(generation) << 32 | UInt64(UInt32(bitPattern: slot)) }

    package init(rawValue: UInt64) {
        slot = Int32(bitPattern: UInt32(truncatingIfNeeded: rawValue))
        generation = UInt32(truncatingIfNeeded: rawValue >> 32)
    }

    init(slot: Int, generation: UInt32) {
        self.slot = Int32(slot)
        self.generation = generation
    }
}

/// Where a call stands. Legal ways: queued → sent; sent → queued, waiting or gone; waiting → queued; any → gone.
enum CallState: Sendable, Equatable {
    /// In its pool's queue.
    case queued
    /// An attempt is under way.
    case sent
    /// Between two attempts.
    case waiting
}

/// What the core remembers of one call.
struct CallRecord: Sendable {
    var pool: PoolID
    var cost: CallCost
    /// Bytes held while it waits.
    var bytes: Int
    var arrivedAt: MonotonicTime
    var deadline: MonotonicTime
    /// Arrival order, which is its place in the queue for as long as it lives.
    var sequence: Int64
    var state: CallState
    var attempts: Int
    var generation: UInt32
}

/// All live calls in reused slots.
struct CallTable: Sendable {
    private var records: [CallRecord?] = []
    private var generations: [UInt32] = []
    private var free: [Int32] = []
    private(set) var count = 0

    mutating func insert(_ record: CallRecord) -> CallID {
        let slot: Int
        if let reused = free.popLast() {
            slot = Int(reused)
        } else {
            slot = records.count
            records.append(nil)
            generations.append(0)
        }
        assert(records[slot] == nil, "slot \(slot) is taken")
        generations[slot] &+= 1
        var record = record
        record.generation = generations[slot]
        records[slot] = record
        count += 1
        return CallID(slot: slot, generation: generations[slot])
    }

    func id(ofSlot slot: Int) -> CallID { CallID(slot: slot, generation: generations[slot]) }

    subscript(_ id: CallID) -> CallRecord? {
        let slot = Int(id.slot)
        guard records.indices.contains(slot), let record = records[slot], record.generation == id.generation
        else { return nil }
        return record
    }

    /// Changes a live call in place.
    mutating func update(_ id: CallID, _ change: (inout CallRecord) -> Void) {
        let slot = Int(id.slot)
        precondition(records[slot]?.generation == id.generation, "call \(id) is gone")
        change(&records[slot]!)
    }

    mutating func remove(_ id: CallID) {
        let slot = Int(id.slot)
        precondition(records[slot]?.generation == id.generation, "call \(id) was removed twice")
        records[slot] = nil
        free.append(Int32(slot))
        count -= 1
    }
}
