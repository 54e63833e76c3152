/// Who is sent now: the one place where a waiting call becomes an attempt.
extension PolicyEngine {
    /// What one look at the queue came to.
    private enum Step {
        /// Somebody was sent, refused or set aside: look again.
        case again
        /// The next one's time has not come.
        case wait(MonotonicTime)
    }

    /// Sends everybody whose turn and time it is.
    mutating func pump(_ id: PoolID, at now: MonotonicTime, into effects: inout [Effect]) {
        let index = id.index
        wakes.remove(index)
        guard pools[index].queue.count > 0 else { return }
        pools[index].queue.releaseThrottled(at: now)
        letProbesOut(index, at: now)
        var wake = MonotonicTime.never
        loop: while pools[index].hasRoomInFlight {
            guard let next = nextInTurn(index) else {
                // Those who were let out before may have left unsent, or stand behind something of their own.
                guard letFeaturesOut(index) || letProbesOut(index, at: now) else { break }
                continue
            }
            switch serve(next, index, at: now, into: &effects) {
            case .again: continue
            case .wait(let time):
                wake = time
                break loop
            }
        }
        wake = min(wake, pools[index].queue.nextRelease ?? .never, nextProbe(index, at: now))
        wakes.remove(index)
        if wake != .never { wakes.insert(index, key: max(wake, now.advanced(byMicroseconds: 1)).microseconds) }
    }

    private func nextInTurn(_ index: Int) -> (lane: Int, flow: Int, slot: Int)? {
        pools[index].queue.next { lane in
            pools[index].queue.lanes[lane].inFlight < pools[index].ceiling(parameters.lanes[lane])
        }
    }

    /// In this order: who cannot go at all leaves; who must wait for something of its own makes way for others; and
    /// only then is the pool's quota asked, for which everybody waits in turn.
    private mutating func serve(
        _ next: (lane: Int, flow: Int, slot: Int), _ index: Int, at now: MonotonicTime, into effects: inout [Effect]
    ) -> Step {
        let id = calls.id(ofSlot: next.slot)
        guard let record = calls[id] else { preconditionFailure("a queued call is gone: \(id)") }
        guard record.deadline > now else {
            // Room can come before the tick that would have ended the call.
            retire(id, record)
            effects.append(.expire(id, attempts: record.attempts, inFlight: false))
            return .again
        }
        let admission = pools[index].admission(record.endpoint, record.lane, parameters.breaker, at: now)
        if case .blocked(let until) = admission {
            meetBreaker(id, record, until: until, at: now, into: &effects)
            return .again
        }
        if isHeldBack(next, record, index, at: now) { return .again }
        let reserve = pools[index].queue.reservePercent(
            record.lane, parameters.lanes[next.lane], backloggedFor: pools[index].queue.backlogAge(next.flow, at: now))
        let time = pools[index].limiter.grantTime(record.cost, reservePercent: reserve, at: now)
        guard time <= now else { return .wait(time) }
        if isTooLate(record, at: now) {
            let refusal = Refusal.deadlineUnmeetable(
                waitMicroseconds: now.microseconds(since: record.arrivedAt),
                retryAfterMicroseconds: shedWait(record, at: now))
            refuse(id, record, refusal, at: now, into: &effects)
            return .again
        }
        if sheds(next, record, index, at: now) {
            refuse(id, record, .overloaded(retryAfterMicroseconds: shedWait(record, at: now)), at: now, into: &effects)
            return .again
        }
        send(id, record, isProbe: admission == .probe, at: now, into: &effects)
        return .again
    }

    /// Whether a call that waited has no longer the time that its answer takes: sending it would spend quota for an
    /// answer that comes too late, while others still have the time.
    private func isTooLate(_ record: CallRecord, at now: MonotonicTime) -> Bool {
        now > record.queuedAt && record.deadline.microseconds(since: now) <= timeNeeded(record)
    }

    /// Bulkheads of the call's feature and tenant, and the tenant's own rate ceiling.
    private mutating func isHeldBack(
        _ next: (lane: Int, flow: Int, slot: Int), _ record: CallRecord, _ index: Int, at now: MonotonicTime
    ) -> Bool {
        if let limit = features[record.feature.index].parameters.maxInFlight,
            pools[index].inFlight(of: record.feature) >= limit
        {
            setAside(next.slot, record, .feature)
            return true
        }
        if let limit = tenants[record.tenant.index].parameters.maxInFlight,
            pools[index].inFlight(of: record.tenant) >= limit
        {
            pools[index].queue.fill(next.flow)
            return true
        }
        guard !tenants[record.tenant.index].ceilings.isEmpty else { return false }
        let time = tenants[record.tenant.index].ceilings.grantTime(record.cost, at: now)
        guard time > now else { return false }
        pools[index].queue.throttle(next.flow, until: time)
        return true
    }

    private mutating func setAside(_ slot: Int, _ record: CallRecord, _ place: CallPlace) {
        pools[record.pool.index].queue.park(slot, record, place)
        calls.update(calls.id(ofSlot: slot)) { $0.place = place }
    }

    // MARK: Shedding

    private mutating func sheds(
        _ next: (lane: Int, flow: Int, slot: Int), _ record: CallRecord, _ index: Int, at now: MonotonicTime
    ) -> Bool {
        let lane = parameters.lanes[next.lane]
        guard let target = lane.shedTargetMicroseconds, record.attempts == 0 else { return false }
        let isLast = pools[index].queue.flows[next.flow].count == 1
        return pools[index].queue.sheds(
            next.flow, sojourn: now.microseconds(since: record.queuedAt), target: target,
            interval: lane.shedIntervalMicroseconds, isLast: isLast, at: now)
    }

    /// A like call that arrives now would wait so long.
    private func shedWait(_ record: CallRecord, at now: MonotonicTime) -> Int64 {
        let start = estimate(record.cost, record.lane, record.tenant, in: record.pool, at: now)
        return corrected(start.microseconds(since: now), record.lane, in: record.pool)
    }

    // MARK: Sending

    private mutating func send(
        _ id: CallID, _ record: CallRecord, isProbe: Bool, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        assert(record.state == .queued && record.place == .queue, "sent from \(record.state), \(record.place)")
        let index = record.pool.index
        pools[index].queue.dispatch(Int(id.slot), record, share: parameters.lanes[record.lane.rawValue].share, at: now)
        let mark = pools[index].limiter.take(record.cost, at: now)
        tenants[record.tenant.index].ceilings.take(record.cost, at: now)
        pools[index].attemptBegan(record)
        if isProbe { pools[index].breakers[record.endpoint]?.probeBegan(at: now) }
        if record.routeAttempts == 0, record.computedWait >= 0 {
            pools[index].queue.learn(
                record.lane, computed: record.computedWait, real: now.microseconds(since: record.queuedAt))
        }
        calls.update(id) { record in
            record.state = .sent
            record.attempts += 1
            record.routeAttempts += 1
            record.mark = mark
            record.isProbe = isProbe
            record.answeredAt = nil
        }
        effects.append(
            .send(
                id,
                Dispatch(attempt: record.attempts + 1, pool: record.pool, route: record.route, isProbe: isProbe)))
    }
}
