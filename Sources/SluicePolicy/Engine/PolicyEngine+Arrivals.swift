/// Who is let in, and where.
extension PolicyEngine {
    /// Lets a call in, which sends it at once or queues it.
    ///
    /// - Throws: ``Refusal`` when it could never be served in time or there is no room for it to wait, here and in
    ///   every fallback that such a refusal sets off.
    package mutating func arrive(
        _ arrival: Arrival, at now: MonotonicTime, into effects: inout [Effect]
    ) throws(Refusal) -> CallID {
        precondition((0..<Pool.endpoints).contains(arrival.endpoint), "no such endpoint: \(arrival.endpoint)")
        let (route, trigger, entry) = try entry(for: arrival, at: now)
        nextSequence += 1
        let cost = route == 0 ? arrival.cost : arrival.fallbacks[route - 1].cost
        var record = CallRecord(
            arrival, pool: entry.pool, charge: pools[entry.pool.index].limiter.charge(cost.tokens),
            sequence: nextSequence, at: now)
        record.route = route
        record.trigger = trigger
        record.cost = cost
        record.computedWait = entry.computedWait
        let id = calls.insert(record)
        deadlines.insert(Int(id.slot), key: arrival.deadline.microseconds)
        enqueue(Int(id.slot), record)
        pump(entry.pool, at: now, into: &effects)
        if let record = calls[id], record.state == .queued { tellQueued(id, record, at: now, into: &effects) }
        return id
    }

    /// Where a call is let in.
    struct Entry {
        var pool: PoolID
        /// The wait as computed; negative when it could go at once.
        var computedWait: Int64
    }

    private func entry(
        for arrival: Arrival, at now: MonotonicTime
    ) throws(Refusal) -> (route: Int, trigger: FallbackTriggers?, Entry) {
        let reason: FallbackTriggers
        let refusal: Refusal?
        do throws(Refusal) {
            let entry = try admit(arrival, arrival.group, arrival.cost, at: now)
            if arrival.fallbacks.isEmpty || !pools[entry.pool.index].isAvoided(at: now) { return (0, nil, entry) }
            // Every key is refused or spent: better somebody else, if anybody is there for it.
            (reason, refusal) = (.quotaExhausted, nil)
        } catch {
            (reason, refusal) = (error.trigger, error)
        }
        for (index, fallback) in arrival.fallbacks.enumerated() where !fallback.triggers.isDisjoint(with: reason) {
            guard let entry = try? admit(arrival, fallback.group, fallback.cost, at: now) else { continue }
            // A fallback whose keys are all refused too is no better than what was asked for.
            if refusal == nil, pools[entry.pool.index].isAvoided(at: now) { continue }
            return (index + 1, reason, entry)
        }
        if let refusal { throw refusal }
        return (0, nil, try admit(arrival, arrival.group, arrival.cost, at: now))
    }

    /// The best pool of a group that lets the call in.
    private func admit(
        _ arrival: Arrival, _ group: GroupID, _ cost: CallCost, at now: MonotonicTime
    ) throws(Refusal) -> Entry {
        let members = groups[group.index]
        let best = best(of: members, cost, arrival.lane, arrival.tenant, at: now)
        var refusal: Refusal?
        do throws(Refusal) {
            return try admit(arrival, best, cost, at: now)
        } catch {
            if members.count == 1 { throw error }
            refusal = error
        }
        for pool in ranked(members, cost, arrival.lane, arrival.tenant, at: now) where pool != best {
            do throws(Refusal) {
                return try admit(arrival, pool, cost, at: now)
            } catch {
                refusal = refusal ?? error
            }
        }
        throw refusal ?? .breakerOpen(retryAfterMicroseconds: 0)
    }

    /// A group's pools, best first: usable keys before refused ones, then by the wait, then by what each has left.
    func ranked(
        _ members: [PoolID], _ cost: CallCost, _ lane: PolicyLane, _ tenant: TenantID, at now: MonotonicTime
    ) -> [PoolID] {
        let ranks = members.map { rank($0, cost, lane, tenant, at: now) }
        return members.indices.sorted { ranks[$0] < ranks[$1] }.map { members[$0] }
    }

    /// The first of ``ranked(_:_:_:_:at:)``, without making a list.
    private func best(
        of members: [PoolID], _ cost: CallCost, _ lane: PolicyLane, _ tenant: TenantID, at now: MonotonicTime
    ) -> PoolID {
        guard members.count > 1 else { return members[0] }
        var best = members[0]
        var least = rank(best, cost, lane, tenant, at: now)
        for member in members.dropFirst() {
            let rank = rank(member, cost, lane, tenant, at: now)
            if rank < least { (best, least) = (member, rank) }
        }
        return best
    }

    /// Waits that differ by less than a tenth of a second are the same, and a fuller bucket is better. Read in place: a
    /// copy of a pool costs more than all the rest.
    private func rank(
        _ id: PoolID, _ cost: CallCost, _ lane: PolicyLane, _ tenant: TenantID, at now: MonotonicTime
    ) -> (Int, Int64, Int, Int) {
        let wait = estimate(cost, lane, tenant, in: id, at: now).microseconds(since: now)
        return (
            pools[id.index].isAvoided(at: now) ? 1 : 0, max(0, wait) / 100_000,
            -pools[id.index].limiter.leftPerMille(at: now) / 50, pools[id.index].queue.count + pools[id.index].inFlight
        )
    }

    private func admit(
        _ arrival: Arrival, _ id: PoolID, _ cost: CallCost, at now: MonotonicTime
    ) throws(Refusal) -> Entry {
        if let (name, limit) = pools[id.index].limiter.unsatisfiable(cost) { throw .exceedsLimit(name, limit: limit) }
        if let limit = tenants[arrival.tenant.index].ceilings.tokensPerMinute, cost.tokens > limit {
            throw .exceedsLimit(.tenantTokensPerMinute, limit: limit)
        }
        let lane = parameters.lanes[arrival.lane.rawValue]
        if case .blocked(let until) = pools[id.index].admission(
            arrival.endpoint, arrival.lane, parameters.breaker, at: now), !lane.waitsForBreaker
        {
            throw .breakerOpen(retryAfterMicroseconds: retryAfter(until, at: now))
        }
        let computed = estimate(cost, arrival.lane, arrival.tenant, in: id, at: now)
        let wait = corrected(computed.microseconds(since: now), arrival.lane, in: id)
        let patience = arrival.deadline.microseconds(since: now)
        // Who waits must also have the time to be served; who need not wait may try.
        let needed = wait > 0 ? wait + pools[id.index].timeNeeded(arrival.endpoint, patience: patience) : 0
        guard needed < patience else {
            throw .deadlineUnmeetable(waitMicroseconds: wait, retryAfterMicroseconds: needed - max(0, patience))
        }
        let isQueued = wait > 0 || pools[id.index].queue.count > 0 || !pools[id.index].hasRoomInFlight
        guard isQueued else { return Entry(pool: id, computedWait: -1) }
        try admitToQueue(arrival, id, at: now)
        return Entry(pool: id, computedWait: computed.microseconds(since: now))
    }

    /// How long until a breaker lets somebody try; a breaker that is held open by hand says a minute.
    func retryAfter(_ time: MonotonicTime, at now: MonotonicTime) -> Int64 {
        min(max(0, time.microseconds(since: now)), parameters.breaker.openCapMicroseconds)
    }

    private func admitToQueue(_ arrival: Arrival, _ id: PoolID, at now: MonotonicTime) throws(Refusal) {
        let index = id.index
        let (queueCalls, queueBytes) = (pools[index].settings.queueCalls, pools[index].settings.queueBytes)
        let queued = pools[index].queue.count
        let flow = pools[index].queue.flow(arrival.lane, arrival.tenant)
        let own = flow.map { pools[index].queue.flows[$0].count } ?? 0
        if let limit = tenants[arrival.tenant.index].parameters.queueCalls, own >= limit {
            throw .tenantQueue(limit: limit, retryAfterMicroseconds: nextPlace(id, arrival, at: now))
        }
        guard queued < queueCalls else {
            throw .queueCalls(limit: queueCalls, retryAfterMicroseconds: nextPlace(id, arrival, at: now))
        }
        guard pools[index].queue.bytes + arrival.bytes <= queueBytes else {
            throw .queueBytes(limit: queueBytes, retryAfterMicroseconds: nextPlace(id, arrival, at: now))
        }
        // Nobody may hold more of the queue than is still free once somebody else waits too (dynamic thresholds,
        // Choudhury and Hahne 1998): one tenant's flood leaves room for all others.
        if pools[index].queue.isShared(besides: flow), own >= queueCalls - queued {
            throw .tenantQueue(limit: own, retryAfterMicroseconds: nextPlace(id, arrival, at: now))
        }
    }

    /// When a place in the queue is free again: after a tenth of what waits, so that not everybody comes at once.
    private func nextPlace(_ id: PoolID, _ arrival: Arrival, at now: MonotonicTime) -> Int64 {
        let ahead = WorkAhead(
            calls: pools[id.index].queue.count / 10, tokens: pools[id.index].queue.tokens / 10)
        let start = pools[id.index].estimatedStart(
            arrival.cost, arrival.lane, after: ahead, lanes: parameters.lanes, at: now)
        return max(1_000, start.microseconds(since: now))
    }

    // MARK: Forecasts

    /// When a call that arrives now would be sent, uncorrected.
    func estimate(
        _ cost: CallCost, _ lane: PolicyLane, _ tenant: TenantID, in id: PoolID, at now: MonotonicTime
    ) -> MonotonicTime {
        let index = id.index
        let ceilings = tenants[tenant.index].ceilings
        guard pools[index].queue.count > 0 else {
            let start = pools[index].estimatedStart(cost, lane, after: WorkAhead(), lanes: parameters.lanes, at: now)
            return ceilings.isEmpty ? start : max(start, ceilings.grantTime(cost, at: now))
        }
        let flow = pools[index].queue.flow(lane, tenant)
        let own = flow.map { pools[index].queue.flows[$0].charge } ?? 0
        let ahead = pools[index].workAhead(
            lane, tenant, weight: tenants[tenant.index].parameters.weight, ownCharge: own, lanes: parameters.lanes,
            at: now)
        let start = pools[index].estimatedStart(
            cost, lane, after: ahead, backloggedFor: flow.map { pools[index].queue.backlogAge($0, at: now) } ?? 0,
            lanes: parameters.lanes, at: now)
        guard !ceilings.isEmpty else { return start }
        let ownCalls = flow.map { pools[index].queue.flows[$0].count } ?? 0
        let ownTokens = flow.map { pools[index].queue.flows[$0].tokens } ?? 0
        return max(start, ceilings.grantTime(cost, ahead: ownCalls, aheadTokens: ownTokens, at: now))
    }

    /// A wait as past forecasts teach to read it.
    func corrected(_ wait: Int64, _ lane: PolicyLane, in id: PoolID) -> Int64 {
        wait <= 0 ? 0 : pools[id.index].queue.lanes[lane.rawValue].forecast.corrected(wait)
    }
}
