/// Calls that leave a queue other than by being sent.
extension PolicyEngine {
    /// A call leaves the queue unserved: it would have waited even longer, and the next forecast must know.
    mutating func learnFromUnserved(_ record: CallRecord, at now: MonotonicTime) {
        guard record.state == .queued, record.place == .queue, record.routeAttempts == 0, record.computedWait >= 0
        else {
            return
        }
        let waited = now.microseconds(since: record.queuedAt)
        guard waited > record.computedWait else { return }
        pools[record.pool.index].queue.learn(record.lane, computed: record.computedWait, real: waited)
    }

    /// Takes a call out of everything that knows it. The places of a running attempt must have been given back.
    mutating func retire(_ id: CallID, _ record: CallRecord) {
        let slot = Int(id.slot)
        deadlines.remove(slot)
        switch record.state {
        case .queued: pools[record.pool.index].queue.remove(slot, record)
        case .waiting: backoffs.remove(slot)
        case .sent: break
        }
        calls.remove(id)
    }

    /// Ends a waiting call, unless it has somewhere else to go.
    mutating func refuse(
        _ id: CallID, _ record: CallRecord, _ refusal: Refusal, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        learnFromUnserved(record, at: now)
        if fallBack(id, record, refusal.trigger, at: now, into: &effects) { return }
        retire(id, record)
        effects.append(.refuse(id, refusal, attempts: record.attempts))
    }

    /// Sends a waiting call to its next fallback; answers whether there was one.
    mutating func fallBack(
        _ id: CallID, _ record: CallRecord, _ trigger: FallbackTriggers, at now: MonotonicTime,
        into effects: inout [Effect]
    ) -> Bool {
        guard moveToFallback(id, record, trigger, isQueued: true, at: now) != nil, let moved = calls[id] else {
            return false
        }
        // Served when this event is over: its pool may be the one that is being served now.
        wakes.remove(moved.pool.index)
        wakes.insert(moved.pool.index, key: now.microseconds)
        tellQueued(id, moved, at: now, into: &effects)
        return true
    }

    /// Puts a call into the queue of its next fallback that is open to it; answers with the route.
    mutating func moveToFallback(
        _ id: CallID, _ record: CallRecord, _ trigger: FallbackTriggers, isQueued: Bool, at now: MonotonicTime
    ) -> Int? {
        guard record.route < record.fallbacks.count, record.deadline > now else { return nil }
        for route in (record.route + 1)...record.fallbacks.count {
            let fallback = record.fallbacks[route - 1]
            guard !fallback.triggers.isDisjoint(with: trigger),
                let pool = openPool(fallback, record, at: now)
            else { continue }
            if isQueued { pools[record.pool.index].queue.remove(Int(id.slot), record) }
            calls.update(id) { $0.trigger = trigger }
            settleIn(id, pool, cost: fallback.cost, route: route, at: now)
            return route
        }
        return nil
    }

    private func openPool(_ fallback: FallbackRoute, _ record: CallRecord, at now: MonotonicTime) -> PoolID? {
        ranked(groups[fallback.group.index], fallback.cost, record.lane, record.tenant, at: now).first { id in
            let pool = pools[id.index]
            guard pool.limiter.unsatisfiable(fallback.cost) == nil, !pool.isAvoided(at: now),
                pool.queue.count < pool.settings.queueCalls,
                pool.queue.bytes + record.bytes <= pool.settings.queueBytes,
                pool.admission(record.endpoint, record.lane, parameters.breaker, at: now) == .permit
            else { return false }
            return estimate(fallback.cost, record.lane, record.tenant, in: id, at: now) < record.deadline
        }
    }

    /// Queues a call that is in no queue in a pool.
    mutating func settleIn(
        _ id: CallID, _ pool: PoolID, cost: CallCost, route: Int, at now: MonotonicTime
    ) {
        let charge = pools[pool.index].limiter.charge(cost.tokens)
        calls.update(id) { record in
            if record.route != route { record.routeAttempts = 0 }
            record.pool = pool
            record.route = route
            record.cost = cost
            record.charge = charge
            record.state = .queued
            record.place = .queue
            record.queuedAt = now
            record.computedWait = -1
            record.told = nil
        }
        guard let record = calls[id] else { preconditionFailure("call \(id) is gone") }
        enqueue(Int(id.slot), record)
    }
}
