/// Telling those who wait where they stand.
extension PolicyEngine {
    func enqueuedWeight(_ record: CallRecord) -> Int { tenants[record.tenant.index].parameters.weight }

    mutating func enqueue(_ slot: Int, _ record: CallRecord) {
        pools[record.pool.index].queue.enqueue(slot, record, weight: enqueuedWeight(record))
    }

    /// Tells a call that has just been queued. In a short queue of its own tenant its place is counted; in a long one
    /// it is taken for the last.
    mutating func tellQueued(
        _ id: CallID, _ record: CallRecord, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        let index = record.pool.index
        guard let flow = pools[index].queue.flow(record.lane, record.tenant) else { return }
        let own = ownWork(before: record, flow, index)
        let ahead = pools[index].workAhead(
            record.lane, record.tenant, weight: pools[index].queue.flows[flow].weight, ownCharge: own.charge,
            lanes: parameters.lanes, at: now)
        tell(id, record, ahead, own, at: now, into: &effects)
    }

    /// What of its own tenant's goes before a call.
    private struct OwnWork {
        var calls = 0
        var tokens = 0
        var charge = 0
    }

    private static let countedQueue = 32

    private func ownWork(before record: CallRecord, _ flow: Int, _ index: Int) -> OwnWork {
        guard pools[index].queue.flows[flow].heap.count <= Self.countedQueue else {
            let all = pools[index].queue.flows[flow]
            return OwnWork(
                calls: all.count - 1, tokens: max(0, all.tokens - record.cost.tokens),
                charge: max(0, all.charge - record.charge))
        }
        let own = CallHeap.Entry(key: record.deadline.microseconds, sequence: record.sequence, slot: 0)
        var work = OwnWork()
        for entry in pools[index].queue.flows[flow].heap.entries where entry.precedes(own) {
            guard let other = calls[calls.id(ofSlot: Int(entry.slot))] else { continue }
            work.calls += 1
            work.tokens += other.cost.tokens
            work.charge += other.charge
        }
        return work
    }

    private mutating func tell(
        _ id: CallID, _ record: CallRecord, _ ahead: WorkAhead, _ own: OwnWork, at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        // The call itself may be counted among the lane's.
        let position = min(max(ahead.calls, own.calls) + 1, pools[record.pool.index].queue.count)
        let flow = pools[record.pool.index].queue.flow(record.lane, record.tenant)
        let age = flow.map { pools[record.pool.index].queue.backlogAge($0, at: now) } ?? 0
        var start = pools[record.pool.index].estimatedStart(
            record.cost, record.lane, after: ahead, backloggedFor: own.calls > 0 ? age : 0, lanes: parameters.lanes,
            at: now)
        if case .breaker = record.place { start = max(start, breakerTime(record, at: now)) }
        if !tenants[record.tenant.index].ceilings.isEmpty {
            start = max(
                start,
                tenants[record.tenant.index].ceilings.grantTime(
                    record.cost, ahead: own.calls, aheadTokens: own.tokens, at: now))
        }
        let wait = corrected(start.microseconds(since: now), record.lane, in: record.pool)
        let told = (position: max(1, position), start: now.advanced(byMicroseconds: wait))
        guard Self.isNews(told, since: record.told, at: now) else { return }
        calls.update(id) { $0.told = told }
        effects.append(.queued(id, position: told.position, etaMicroseconds: wait))
    }

    private func breakerTime(_ record: CallRecord, at now: MonotonicTime) -> MonotonicTime {
        pools[record.pool.index].breakers[record.endpoint]?.reopensAt ?? now
    }

    /// Whether a caller would want to know: its place is half of what it was, or its turn moved by a quarter of the
    /// wait and by more than half a second.
    static func isNews(
        _ new: (position: Int, start: MonotonicTime), since old: (position: Int, start: MonotonicTime)?,
        at now: MonotonicTime
    ) -> Bool {
        guard let old else { return true }
        if new.position * 2 <= old.position || new.position >= old.position * 2 { return true }
        let moved = abs(new.start.microseconds(since: old.start))
        let wait = max(0, old.start.microseconds(since: now), new.start.microseconds(since: now))
        return moved > 500_000 && moved > wait / 4
    }

    /// Of each flow so many calls are looked at each time, and as many of the rest in turns.
    private static let refreshedEachTime = 512

    /// Tells everybody whose place or wait has changed enough to matter. Call it about once a second while anybody
    /// waits; it looks at every waiting call. Whoever a ramp that grew lets go is sent.
    package mutating func refreshQueued(at now: MonotonicTime, into effects: inout [Effect]) {
        refreshTurn &+= 1
        for index in pools.indices where pools[index].queue.count > 0 {
            let ramp = pools[index].limiter.rampPerMinute
            pools[index].limiter.advance(at: now)
            if pools[index].limiter.rampPerMinute != ramp { pump(PoolID(index: index), at: now, into: &effects) }
            var waiting: [(flow: Int, calls: [CallHeap.Entry])] = []
            pools[index].queue.allWaiting { waiting.append(($0, $1)) }
            for (flow, entries) in waiting { refresh(entries, flow, index, at: now, into: &effects) }
        }
    }

    private mutating func refresh(
        _ entries: [CallHeap.Entry], _ flow: Int, _ index: Int, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        let (lane, tenant) = (pools[index].queue.flows[flow].lane, pools[index].queue.flows[flow].tenant)
        // Whoever is far back in a long queue is looked at in turns, so that this takes about the same time always.
        let stride = max(1, entries.count / Self.refreshedEachTime)
        var own = OwnWork()
        for (place, entry) in entries.enumerated() {
            let id = calls.id(ofSlot: Int(entry.slot))
            guard let record = calls[id] else { preconditionFailure("a queued call is gone: \(id)") }
            defer {
                own.calls += 1
                own.tokens += record.cost.tokens
                own.charge += record.charge
            }
            guard place < Self.refreshedEachTime || (place + refreshTurn) % stride == 0 else { continue }
            let ahead = pools[index].workAhead(
                lane, tenant, weight: pools[index].queue.flows[flow].weight, ownCharge: own.charge,
                lanes: parameters.lanes, at: now)
            tell(id, record, ahead, own, at: now, into: &effects)
        }
    }
}
