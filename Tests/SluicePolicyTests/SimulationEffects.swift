@testable import SluicePolicy

/// What the engine says, held against what it may say.
extension Simulation {
    /// Takes in an event's effects and then looks at the whole.
    ///
    /// - Parameter mayHaveMoved: whether the event brought a call that may have stood in another pool for a moment.
    mutating func finish(_ effects: [Effect], mayHaveMoved: Bool = false) {
        hasMoved = mayHaveMoved || effects.contains { if case .refuse = $0 { true } else { false } }
        followMoves()
        for effect in effects {
            trace?.add(effect)
            switch effect {
            case .send(let id, let dispatch): takeSend(id, dispatch)
            case .queued(let id, let position, let eta):
                if calls[id]?.state != .queued { fail("told to wait: \(id)") }
                if position < 1 || eta < 0 { fail("position \(position), eta \(eta)") }
            case .expire(let id, let attempts, let inFlight): takeExpire(id, attempts, inFlight)
            case .refuse(let id, let refusal, let attempts): takeRefusal(id, refusal, attempts)
            }
        }
        check()
    }

    /// Waiting calls that went to another pool: to their next fallback, or to another key.
    private mutating func followMoves() {
        for index in pools.indices {
            for id in pools[index].waiting {
                guard let record = engine.calls[id], let call = calls[id],
                    record.pool.index != index || record.route != call.route
                else { continue }
                hasMoved = true
                judgeMove(call, to: record.pool.index, route: record.route)
                move(id, call, to: record)
            }
        }
    }

    private mutating func move(_ id: CallID, _ call: ModelCall, to record: CallRecord) {
        if !pools[call.pool].dequeue(id, call) { fail("moved from a queue it was not in") }
        var moved = call
        if moved.route != record.route { moved.routeAttempts = 0 }
        moved.pool = record.pool.index
        moved.route = record.route
        moved.cost = moved.route == 0 ? call.arrival.cost : call.arrival.fallbacks[moved.route - 1].cost
        moved.queuedAt = now
        calls[id] = moved
        pools[moved.pool].enqueue(id, moved)
        checkPlace(moved)
    }

    private mutating func judgeMove(_ call: ModelCall, to pool: Int, route: Int) {
        if route == call.route {
            let isAvoided = engine.snapshot(PoolID(index: call.pool), at: at(now)).avoidedUntil.map { $0 > at(now) }
            if isAvoided != true { fail("moved away from a key that works") }
            return
        }
        guard route > call.route, route <= call.arrival.fallbacks.count else { return fail("route \(route)") }
        let triggers = call.arrival.fallbacks[route - 1].triggers
        // It may have been at another key for a moment.
        let group = call.route == 0 ? call.arrival.group : call.arrival.fallbacks[call.route - 1].group
        let isOpen = groups[group.index].contains { standing($0, call.arrival.endpoint) != .closed }
        let byBreaker = triggers.contains(.breakerOpen) && isOpen
        let byShedding =
            triggers.contains(.overloaded) && parameters.lanes[call.lane].shedTargetMicroseconds != nil
        if !byBreaker && !byShedding { fail("fell back without a reason: \(triggers)") }
    }

    func standing(_ pool: Int, _ endpoint: Int) -> BreakerStanding {
        engine.pools[pool].breakers[endpoint]?.standing(at: at(now)) ?? .closed
    }

    /// A call is in a pool of the group that its route names.
    mutating func checkPlace(_ call: ModelCall) {
        let group = call.route == 0 ? call.arrival.group : call.arrival.fallbacks[call.route - 1].group
        if !groups[group.index].contains(call.pool) { fail("in pool \(call.pool), which is not of its group") }
    }

    private mutating func takeSend(_ id: CallID, _ dispatch: Dispatch) {
        guard let call = calls[id], call.state == .queued else { return fail("sent \(id), which does not wait") }
        if dispatch.pool.index != call.pool || dispatch.route != call.route { fail("sent as \(dispatch)") }
        if dispatch.attempt != call.attempts + 1 { fail("attempt \(dispatch.attempt)") }
        if call.routeAttempts >= parameters.retries.maxAttempts, call.routeAttempts > 0, !hasReconfiguredRetries {
            fail("attempt \(call.routeAttempts + 1) of its route")
        }
        if now >= call.deadline { fail("call \(call.sequence) sent after its deadline") }
        checkQuota(call)
        checkRoom(call)
        checkOrder(id, call, isProbe: dispatch.isProbe)
        checkBreaker(call, isProbe: dispatch.isProbe)
        send(id, call, dispatch)
    }

    /// Whether a call may have more attempts behind it than are allowed now.
    private var hasReconfiguredRetries: Bool { budgets[0].contains { $0.since > 0 } }

    private mutating func send(_ id: CallID, _ call: ModelCall, _ dispatch: Dispatch) {
        if !pools[call.pool].dequeue(id, call) { fail("sent from outside the queue") }
        pools[call.pool].take(call.cost, at: now)
        pools[call.pool].count(call, 1)
        tenants[call.arrival.tenant.index].take(call.cost, at: now)
        var sent = call
        sent.state = .sent
        sent.attempts += 1
        sent.routeAttempts += 1
        sent.sentAt = now
        sent.sentThen = (pools[call.pool].requests.sent, pools[call.pool].tokens.sent)
        sent.isProbe = dispatch.isProbe
        sent.hasAnswer = false
        calls[id] = sent
        self.sent += 1
        let longest = isHealthy ? 2_000_000 : random.element([1_000, 500_000, 60_000_000])
        let end = now + Int64(random.pick(0...longest))
        if random.percent(15) { agenda.add(.answer(id, attempt: sent.attempts), at: (now + end) / 2) }
        agenda.add(.ending(id, attempt: sent.attempts), at: end)
    }

    private mutating func checkQuota(_ call: ModelCall) {
        let isAlone = pools[call.pool].waitingByLane[..<call.lane].allSatisfy { $0 == 0 }
        let reserve = isAlone && !hasMoved ? parameters.lanes[call.lane].reservePercent : 0
        if now < pools[call.pool].frozenUntil { fail("sent while frozen") }
        if !pools[call.pool].covers(call.cost, reservePercent: reserve, at: now) { fail("sent before its quota came") }
        if !tenants[call.arrival.tenant.index].covers(call.cost, at: now) { fail("sent over its tenant's ceiling") }
    }

    private mutating func checkRoom(_ call: ModelCall) {
        let pool = pools[call.pool]
        let limit = engine.pools[call.pool].guarding.limit
        if limit > pool.settings.limits.maxInFlight { fail("the guard allows \(limit)") }
        if pool.inFlight >= limit { fail("over the guard: \(pool.inFlight) of \(limit)") }
        if pool.byLane[call.lane] >= pool.ceiling(parameters.lanes[call.lane], guardLimit: limit) {
            fail("over lane \(call.lane)'s ceiling: \(pool.byLane)")
        }
        let tenant = call.arrival.tenant.index
        if let limit = tenants[tenant].parameters.maxInFlight, pool.byTenant[tenant] ?? 0 >= limit {
            fail("over tenant \(tenant)'s ceiling")
        }
        let feature = call.arrival.feature.index
        if let limit = features[feature].maxInFlight, pool.byFeature[feature] ?? 0 >= limit {
            fail("over feature \(feature)'s bulkhead")
        }
    }

    /// Inside one tenant the earliest deadline goes first, among calls that nothing of their own holds back.
    private mutating func checkOrder(_ id: CallID, _ call: ModelCall, isProbe: Bool) {
        guard !isProbe, !hasMoved else { return }
        for other in pools[call.pool].waiting where other != id {
            guard let waiting = calls[other], waiting.lane == call.lane,
                waiting.arrival.tenant == call.arrival.tenant, waiting.isBefore(call),
                features[waiting.arrival.feature.index].maxInFlight == nil,
                standing(call.pool, waiting.arrival.endpoint) == .closed
            else { continue }
            fail("call \(call.sequence) overtook \(waiting.sequence)")
        }
    }

    private mutating func checkBreaker(_ call: ModelCall, isProbe: Bool) {
        switch standing(call.pool, call.arrival.endpoint) {
        case .closed, .forcedClosed: if isProbe { fail("a probe of a closed breaker") }
        case .open, .forcedOpen: fail("sent through an open breaker")
        case .halfOpen: if !isProbe { fail("sent through a half-open breaker, and no probe") }
        }
    }

    private mutating func takeExpire(_ id: CallID, _ attempts: Int, _ inFlight: Bool) {
        guard let call = calls.removeValue(forKey: id) else { return fail("expired \(id), which is gone") }
        if now < call.deadline { fail("expired before its deadline") }
        if attempts != call.attempts || inFlight != (call.state == .sent) { fail("expired with wrong facts") }
        leave(id, call)
    }

    private mutating func takeRefusal(_ id: CallID, _ refusal: Refusal, _ attempts: Int) {
        guard let call = calls.removeValue(forKey: id) else { return fail("refused \(id), which is gone") }
        if call.state != .queued || attempts != call.attempts { fail("refused with wrong facts: \(call)") }
        let lane = parameters.lanes[call.lane]
        switch refusal {
        case .overloaded(let after):
            let waited = now - call.queuedAt
            if attempts > 0 || waited < lane.shedTargetMicroseconds ?? .max || after < 0 {
                fail("shed after \(waited)")
            }
        case .breakerOpen(let after):
            let standing = standing(call.pool, call.arrival.endpoint)
            if standing == .closed || standing == .forcedClosed || lane.waitsForBreaker || after < 0 {
                fail("refused by a breaker that is \(standing)")
            }
        case .queueCalls, .queueBytes, .tenantQueue, .deadlineUnmeetable, .exceedsLimit: fail("let in, then \(refusal)")
        }
        leave(id, call)
    }

    mutating func leave(_ id: CallID, _ call: ModelCall) {
        ended += 1
        switch call.state {
        case .queued: if !pools[call.pool].dequeue(id, call) { fail("left a queue it was not in") }
        case .sent: pools[call.pool].count(call, -1)
        case .waiting: break
        }
    }
}
