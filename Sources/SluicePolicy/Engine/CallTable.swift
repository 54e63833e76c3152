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

/// Where a queued call waits. Legal ways: queue ↔ feature, queue ↔ breaker.
enum CallPlace: Sendable, Equatable {
    /// In its tenant's queue.
    case queue
    /// Behind its feature's bulkhead.
    case feature
    /// Behind an open breaker.
    case breaker
}

/// What the core remembers of one call.
struct CallRecord: Sendable {
    var group: GroupID
    var pool: PoolID
    /// 0 as asked, *n* the *n*-th fallback.
    var route = 0
    /// Why it left the route before.
    var trigger: FallbackTriggers?
    var lane: PolicyLane
    var tenant: TenantID
    var feature: FeatureID
    var endpoint: Int
    var cost: CallCost
    /// What it counts in the sharing of its pool.
    var charge: Int
    /// Bytes held while it waits.
    var bytes: Int
    var arrivedAt: MonotonicTime
    /// Since when it waits in this pool's queue.
    var queuedAt: MonotonicTime
    var deadline: MonotonicTime
    /// Arrival order, which breaks ties for as long as it lives.
    var sequence: Int64
    var state = CallState.queued
    var place = CallPlace.queue
    /// Attempts begun, over all routes.
    var attempts = 0
    /// Attempts begun on this route.
    var routeAttempts = 0
    var generation: UInt32 = 0
    /// The running attempt, as the provider counted it.
    var mark: SendMark?
    var isProbe = false
    /// When the running attempt's answer began.
    var answeredAt: MonotonicTime?
    /// The wait as computed when it was queued; negative when it was not.
    var computedWait: Int64 = -1
    /// What its caller was told last.
    var told: (position: Int, start: MonotonicTime)?
    var fallbacks: [FallbackRoute]

    init(_ arrival: Arrival, pool: PoolID, charge: Int, sequence: Int64, at now: MonotonicTime) {
        group = arrival.group
        self.pool = pool
        lane = arrival.lane
        tenant = arrival.tenant
        feature = arrival.feature
        endpoint = arrival.endpoint
        cost = arrival.cost
        self.charge = charge
        bytes = arrival.bytes
        arrivedAt = now
        queuedAt = now
        deadline = arrival.deadline
        self.sequence = sequence
        fallbacks = arrival.fallbacks
    }
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
