@testable import SluicePolicy

/// What an attempt's end may lead to, and what must hold between events.
extension Simulation {
    mutating func settle(_ call: ModelCall, _ outcome: AttemptOutcome) {
        switch outcome {
        case .success(let used):
            budgets[0][call.pool].succeeded()
            budgets[1][call.arrival.tenant.index].succeeded()
            budgets[2][call.arrival.feature.index].succeeded()
            guard let used else { return }
            pools[call.pool].settle(call.cost.tokens - used, at: now)
            tenants[call.arrival.tenant.index].tokens?.correct(by: call.cost.tokens - used, at: now)
        case .transient(.notSent, _):
            pools[call.pool].refund(call.cost, at: now)
            tenants[call.arrival.tenant.index].refund(call.cost, at: now)
        case .rateLimited(let after), .slowDown(let after): freeze(call.pool, after)
        case .refused, .transient, .keyUnusable: break
        }
    }

    /// The engine adds a spread of up to half of the wait, which it alone knows; the model reads the end from the
    /// snapshot and holds it to those bounds.
    private mutating func freeze(_ index: Int, _ after: Int64?) {
        let wait = min(after ?? 1_000_000, 120_000_000)
        let until = engine.snapshot(PoolID(index: index), at: at(now)).frozenUntil?.microseconds ?? .min
        if until < now + wait { fail("asked to wait \(wait) µs, frozen until \(until)") }
        if until > max(pools[index].frozenUntil, now + wait + wait / 2) { fail("frozen for longer than it may") }
        pools[index].freeze(until: until, at: now)
    }

    mutating func judge(
        _ verdict: AttemptVerdict, _ id: CallID, _ call: ModelCall, _ outcome: AttemptOutcome, _ mayRetry: Bool
    ) {
        if !mayRetry, verdict != .finished { fail("\(verdict) after the answer had begun") }
        switch verdict {
        case .finished:
            calls[id] = nil
            ended += 1
        case .retry(let attempt, let delay):
            judgeRetry(attempt, delay, call, outcome)
            var waiting = call
            if case .keyUnusable = outcome {
                waiting.state = .queued
                waiting.pool = place(of: id, call.arrival, route: call.route)
                waiting.queuedAt = now
                calls[id] = waiting
                pools[waiting.pool].enqueue(id, waiting)
                if engine.calls[id]?.pool.index == call.pool { fail("tries a refused key again") }
                checkPlace(waiting)
            } else {
                waiting.state = .waiting
                waiting.dueAt = now + delay
                calls[id] = waiting
            }
        case .fallback(let route, let trigger): judgeFallback(route, trigger, id, call, outcome)
        }
    }

    /// The pool in which a call is on this route. Where it has gone on or has left within the same event it was at the
    /// key whose breaker turned it away.
    func place(of id: CallID, _ arrival: Arrival, route: Int) -> Int {
        if let record = engine.calls[id], record.route == route { return record.pool.index }
        let group = groups[(route == 0 ? arrival.group : arrival.fallbacks[route - 1].group).index]
        return group.first { standing($0, arrival.endpoint) != .closed } ?? group[0]
    }

    private mutating func judgeRetry(_ attempt: Int, _ delay: Int64, _ call: ModelCall, _ outcome: AttemptOutcome) {
        let retries = parameters.retries
        if attempt != call.attempts + 1 || call.routeAttempts >= retries.maxAttempts { fail("attempt \(attempt)") }
        if delay < 0 || now + delay >= call.deadline { fail("waits \(delay) µs, past its deadline") }
        if let window = parameters.lanes[call.lane].retryWindowMicroseconds, now + delay - call.arrivedAt >= window {
            fail("retried outside its lane's window")
        }
        switch outcome {
        case .success, .refused: fail("retried \(outcome)")
        case .transient(_, let after):
            if delay < after ?? 0 || after ?? 0 > retries.retryAfterCeilingMicroseconds { fail("waits \(delay) µs") }
            let paid = [
                budgets[0][call.pool].retried(retries, at: now),
                budgets[1][call.arrival.tenant.index].retried(retries, at: now),
                budgets[2][call.arrival.feature.index].retried(retries, at: now),
            ]
            if paid.contains(false) { fail("retried without a budget: \(paid)") }
        case .rateLimited(let after), .slowDown(let after):
            if delay < after ?? 0 || after ?? 0 > retries.retryAfterCeilingMicroseconds { fail("waits \(delay) µs") }
        case .keyUnusable: if delay != 0 { fail("waits for another key") }
        }
    }

    private mutating func judgeFallback(
        _ route: Int, _ trigger: FallbackTriggers, _ id: CallID, _ call: ModelCall, _ outcome: AttemptOutcome
    ) {
        let expected: FallbackTriggers? =
            switch outcome {
            case .success, .refused: nil
            case .transient: .error
            case .rateLimited, .slowDown, .keyUnusable: .quotaExhausted
            }
        guard route > call.route, route <= call.arrival.fallbacks.count, trigger == expected,
            call.arrival.fallbacks[route - 1].triggers.contains(trigger)
        else { return fail("fell back to \(route) after \(outcome)") }
        var moved = call
        moved.state = .queued
        moved.route = route
        moved.routeAttempts = 0
        moved.cost = call.arrival.fallbacks[route - 1].cost
        moved.pool = place(of: id, call.arrival, route: route)
        moved.queuedAt = now
        calls[id] = moved
        pools[moved.pool].enqueue(id, moved)
        checkPlace(moved)
    }

    // MARK: Between events

    /// The engine counts as the model counts, no unit was lost or made, and nobody waits who could go.
    mutating func check() {
        if engine.liveCalls != calls.count { fail("\(engine.liveCalls) live, expected \(calls.count)") }
        let isDue = engine.nextWake.map { $0.microseconds <= now } ?? false
        for index in pools.indices {
            checkCounts(index)
            checkBuckets(index)
            if !isDue { checkWork(index) }
        }
    }

    private mutating func checkCounts(_ index: Int) {
        let pool = pools[index]
        let seen = engine.pools[index]
        let queued = seen.queue.lanes.map(\.count)
        if seen.inFlight != pool.inFlight || pool.inFlight < 0 { fail("in flight \(seen.inFlight), \(pool.inFlight)") }
        if queued != pool.waitingByLane { fail("queued \(queued), expected \(pool.waitingByLane)") }
        if seen.queue.count != pool.waiting.count { fail("queued \(seen.queue.count), \(pool.waiting.count)") }
        if seen.queue.bytes != pool.waitingBytes { fail("bytes \(seen.queue.bytes), \(pool.waitingBytes)") }
        if seen.queue.lanes.map(\.inFlight) != pool.byLane { fail("lanes \(pool.byLane)") }
    }

    private mutating func checkBuckets(_ index: Int) {
        let limiter = engine.pools[index].limiter
        let pool = pools[index]
        for (name, seen, model) in [
            ("requests", limiter.requests, pool.requests), ("tokens", limiter.tokens, pool.tokens),
            ("images", limiter.images, pool.images),
        ] {
            let left = (seen.bucket?.available(at: at(now)), model.bucket?.available(at: now))
            if left.0 != left.1 { fail("\(name) of pool \(index): \(left)") }
            if seen.limit != model.limit { fail("limit of \(name): \(seen.limit ?? -1)") }
        }
    }

    /// Nobody waits while there is room for it, quota for the largest of those who wait, and nothing of its own in the
    /// way.
    private mutating func checkWork(_ index: Int) {
        let pool = pools[index]
        let seen = engine.pools[index]
        guard !pool.waiting.isEmpty, seen.hasRoomInFlight, now >= pool.frozenUntil, seen.limiter.rampPerMinute == nil
        else { return }
        var largest = CallCost(tokens: 0)
        var reserve = 0
        var free: ModelCall?
        for id in pool.waiting {
            guard let call = calls[id] else { return fail("a dead call waits: \(id)") }
            largest.tokens = max(largest.tokens, call.cost.tokens)
            largest.images = max(largest.images, call.cost.images)
            reserve = max(reserve, parameters.lanes[call.lane].reservePercent)
            if free == nil, !isHeldBack(call, guardLimit: seen.guarding.limit) { free = call }
        }
        guard let free, pool.covers(largest, reservePercent: reserve + LaneParameters.backlogReservePercent, at: now)
        else { return }
        fail("call \(free.sequence) in pool \(index) could go and does not: \(free)")
    }

    private func isHeldBack(_ call: ModelCall, guardLimit: Int) -> Bool {
        let pool = pools[call.pool]
        let tenant = tenants[call.arrival.tenant.index]
        let feature = call.arrival.feature.index
        if pool.byLane[call.lane] >= pool.ceiling(parameters.lanes[call.lane], guardLimit: guardLimit) { return true }
        if let limit = tenant.parameters.maxInFlight, pool.byTenant[call.arrival.tenant.index] ?? 0 >= limit {
            return true
        }
        if let limit = features[feature].maxInFlight, pool.byFeature[feature] ?? 0 >= limit { return true }
        if tenant.hasRate { return true }
        switch standing(call.pool, call.arrival.endpoint) {
        case .closed, .forcedClosed: return false
        case .open, .forcedOpen: return true
        case .halfOpen: return !isForgotten(call)
        }
    }

    /// Whether a half-open breaker has had time for every lane to be a probe, and has none under way.
    private func isForgotten(_ call: ModelCall) -> Bool {
        guard let breaker = engine.pools[call.pool].breakers[call.arrival.endpoint],
            let from = breaker.probes(from: call.arrival.lane), from <= at(now)
        else { return false }
        return !calls.values.contains {
            $0.state == .sent && $0.isProbe && $0.pool == call.pool && $0.arrival.endpoint == call.arrival.endpoint
        }
    }

    // MARK: Letting in

    /// Whether nothing stands in a call's way in this pool.
    func couldGo(_ arrival: Arrival, _ index: Int) -> Bool {
        let pool = pools[index]
        let seen = engine.pools[index]
        guard pool.waiting.isEmpty, seen.hasRoomInFlight, arrival.deadline.microseconds > now,
            seen.limiter.rampPerMinute == nil, standing(index, arrival.endpoint) == .closed,
            seen.limiter.unsatisfiable(arrival.cost) == nil
        else { return false }
        let (tenant, feature) = (tenants[arrival.tenant.index], arrival.feature.index)
        let lane = parameters.lanes[arrival.lane.rawValue]
        return pool.byLane[arrival.lane.rawValue] < pool.ceiling(lane, guardLimit: seen.guarding.limit)
            && pool.byTenant[arrival.tenant.index] ?? 0 < tenant.parameters.maxInFlight ?? .max
            && pool.byFeature[feature] ?? 0 < features[feature].maxInFlight ?? .max
            && arrival.cost.tokens <= tenant.parameters.tokensPerMinute ?? .max
            && tenant.covers(arrival.cost, at: now)
            && pool.covers(arrival.cost, reservePercent: lane.reservePercent, at: now)
    }

    /// Whether a refusal is true of one pool of the call's group.
    func isTrue(_ refusal: Refusal, _ arrival: Arrival, _ pool: ModelPool, _ index: Int) -> Bool {
        let own = pool.waiting.count {
            calls[$0].map { $0.lane == arrival.lane.rawValue && $0.arrival.tenant == arrival.tenant } ?? false
        }
        let settings = pool.settings
        switch refusal {
        case .queueCalls(let limit, let after):
            return limit == settings.queueCalls && pool.waiting.count >= limit && after > 0
        case .queueBytes(let limit, let after):
            return limit == settings.queueBytes && pool.waitingBytes + arrival.bytes > limit && after > 0
        case .tenantQueue(let limit, let after):
            let byPlan = tenants[arrival.tenant.index].parameters.queueCalls == limit
            let byOthers = own < pool.waiting.count && own >= settings.queueCalls - pool.waiting.count
            return own >= limit && (byPlan || byOthers) && after > 0
        case .deadlineUnmeetable(let wait, let after):
            return now + wait >= arrival.deadline.microseconds && after >= 0 && after <= wait
        case .exceedsLimit(let name, let limit):
            switch name {
            case .tokensPerMinute: return pool.tokens.limit == limit && arrival.cost.tokens > limit
            case .imagesPerMinute: return pool.images.limit == limit && arrival.cost.images > limit
            case .tokensPerDay: return settings.limits.tokensPerDay == limit && arrival.cost.tokens > limit
            case .tenantTokensPerMinute:
                let own = tenants[arrival.tenant.index].parameters.tokensPerMinute
                return own == limit && arrival.cost.tokens > limit
            }
        case .breakerOpen(let after):
            let standing = standing(index, arrival.endpoint)
            let waits = parameters.lanes[arrival.lane.rawValue].waitsForBreaker
            return standing != .closed && standing != .forcedClosed && !waits && after >= 0
        case .overloaded: return false
        }
    }
}
