/// How attempts and calls end.
extension PolicyEngine {
    /// Ends a call whose caller no longer wants it; answers whether an attempt of it was under way.
    @discardableResult
    package mutating func cancel(_ id: CallID, at now: MonotonicTime, into effects: inout [Effect]) -> Bool {
        guard let record = calls[id] else { return false }
        if record.state == .sent { abort(record, .neutral, at: now, into: &effects) }
        retire(id, record)
        pump(record.pool, at: now, into: &effects)
        return record.state == .sent
    }

    /// The running attempt's answer has begun: the provider took it, however long the rest may take.
    package mutating func answerBegan(_ id: CallID, at now: MonotonicTime, into effects: inout [Effect]) {
        guard let record = calls[id], record.state == .sent, record.answeredAt == nil else { return }
        calls.update(id) { $0.answeredAt = now }
        let before = pools[record.pool.index].guarding.limit
        pools[record.pool.index].guarding.succeeded(inFlight: pools[record.pool.index].inFlight)
        if pools[record.pool.index].guarding.limit > before { pump(record.pool, at: now, into: &effects) }
    }

    /// Takes in how an attempt ended.
    ///
    /// - Parameters:
    ///   - mayRetry: false once anything of the answer has reached the caller.
    ///   - random: 64 random bits, for jitter.
    package mutating func attemptEnded(
        _ id: CallID, _ outcome: AttemptOutcome, mayRetry: Bool, serviceMicroseconds: Int64, random: UInt64,
        at now: MonotonicTime, into effects: inout [Effect]
    ) -> AttemptVerdict {
        guard let record = calls[id] else { return .finished }
        precondition(record.state == .sent, "attempt of call \(id) ended in state \(record.state)")
        guide(record, outcome, serviceMicroseconds, at: now)
        release(record, at: now)
        settle(record, outcome, random, at: now)
        let changed = pools[record.pool.index].judge(
            record, sample(outcome, serviceMicroseconds, record), parameters.breaker, random: random, at: now)
        let verdict = verdict(id, record, outcome, mayRetry: mayRetry, random: random, at: now)
        carryOut(verdict, id, record, outcome, at: now, into: &effects)
        if changed { breakerChanged(record.pool, record.endpoint, at: now, into: &effects) }
        if case .keyUnusable = outcome { rehome(record, at: now, into: &effects) }
        pump(record.pool, at: now, into: &effects)
        if case .fallback = verdict, let moved = calls[id] {
            if moved.pool != record.pool { pump(moved.pool, at: now, into: &effects) }
            if let record = calls[id], record.state == .queued { tellQueued(id, record, at: now, into: &effects) }
        }
        return verdict
    }

    private mutating func carryOut(
        _ verdict: AttemptVerdict, _ id: CallID, _ record: CallRecord, _ outcome: AttemptOutcome,
        at now: MonotonicTime, into effects: inout [Effect]
    ) {
        switch verdict {
        case .finished:
            deadlines.remove(Int(id.slot))
            calls.remove(id)
        case .retry(_, let delay):
            if case .keyUnusable = outcome, let other = sibling(of: record, at: now) {
                settleIn(id, other, cost: record.cost, route: record.route, at: now)
                pump(other, at: now, into: &effects)
                return
            }
            calls.update(id) { $0.state = .waiting }
            backoffs.insert(Int(id.slot), key: now.advanced(byMicroseconds: delay).microseconds)
        case .fallback: break
        }
    }

    /// Does what time alone brings: deadlines, ends of waits, quota that came back.
    ///
    /// First everybody who is due leaves or comes back, then pools are served: so what one call's end makes room for
    /// goes to the one whose turn it is, and never to one that ends in this very tick.
    package mutating func tick(at now: MonotonicTime, into effects: inout [Effect]) {
        expireDue(at: now, into: &effects)
        while let key = backoffs.firstKey, key <= now.microseconds, let slot = backoffs.popFirst() {
            comeBack(calls.id(ofSlot: slot), at: now)
        }
        while let key = wakes.firstKey, key <= now.microseconds, let index = wakes.popFirst() {
            pools[index].limiter.advance(at: now)
            pump(PoolID(index: index), at: now, into: &effects)
        }
    }

    /// A call's pause is over. A breaker that opened meanwhile turns it away as it does everybody.
    private mutating func comeBack(_ id: CallID, at now: MonotonicTime) {
        calls.update(id) { record in
            record.state = .queued
            record.place = .queue
            record.queuedAt = now
        }
        guard let record = calls[id] else { preconditionFailure("a wait without a call: \(id)") }
        if pools[record.pool.index].isWithdrawn, let other = sibling(of: record, at: now) {
            settleIn(id, other, cost: record.cost, route: record.route, at: now)
            wake(other, at: now)
            return
        }
        enqueue(Int(id.slot), record)
        wake(record.pool, at: now)
    }

    /// All that are due are gone before anybody is sent in their place: who expires too must not be.
    private mutating func expireDue(at now: MonotonicTime, into effects: inout [Effect]) {
        while let key = deadlines.firstKey, key <= now.microseconds, let slot = deadlines.first {
            let id = calls.id(ofSlot: slot)
            guard let record = calls[id] else { preconditionFailure("a deadline without a call: \(id)") }
            if record.state == .sent {
                let ran = now.microseconds(since: record.mark?.at ?? now)
                let isStuck = record.answeredAt == nil && pools[record.pool.index].isStuck(after: ran)
                abort(record, isStuck ? .bad : .neutral, at: now, into: &effects)
            }
            learnFromUnserved(record, at: now)
            retire(id, record)
            effects.append(.expire(id, attempts: record.attempts, inFlight: record.state == .sent))
            wake(record.pool, at: now)
        }
    }

    /// Has the pool served when this tick gets to it.
    private mutating func wake(_ id: PoolID, at now: MonotonicTime) {
        wakes.remove(id.index)
        wakes.insert(id.index, key: now.microseconds)
    }
}

// MARK: - What an attempt's end means to others

extension PolicyEngine {
    /// An attempt ends without an outcome from the provider.
    private mutating func abort(
        _ record: CallRecord, _ sample: CircuitBreaker.Sample, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        release(record, at: now)
        if pools[record.pool.index].judge(record, sample, parameters.breaker, random: 0, at: now) {
            breakerChanged(record.pool, record.endpoint, at: now, into: &effects)
        }
    }

    /// Gives back the attempt's places in the bulkheads.
    private mutating func release(_ record: CallRecord, at now: MonotonicTime) {
        let index = record.pool.index
        pools[index].attemptEnded(record, lane: parameters.lanes[record.lane.rawValue])
        if tenants[record.tenant.index].parameters.maxInFlight != nil { pools[index].queue.releaseFull(record.tenant) }
        if features[record.feature.index].parameters.maxInFlight != nil { _ = letBehind(record.feature, in: index) }
    }

    private mutating func guide(
        _ record: CallRecord, _ outcome: AttemptOutcome, _ service: Int64, at now: MonotonicTime
    ) {
        let index = record.pool.index
        switch outcome {
        case .success:
            pools[index].observeService(service, endpoint: record.endpoint)
            if record.answeredAt == nil { pools[index].guarding.succeeded(inFlight: pools[index].inFlight) }
        case .transient:
            pools[index].guarding.failed(startedAt: record.mark?.at ?? now, at: now)
        case .refused, .rateLimited, .slowDown, .keyUnusable: break
        }
    }

    private func sample(
        _ outcome: AttemptOutcome, _ service: Int64, _ record: CallRecord
    ) -> CircuitBreaker.Sample {
        switch outcome {
        case .success:
            // How long a stream runs is the length of its answer, and no fault of the provider's.
            let began = record.answeredAt.flatMap { at in record.mark.map { at.microseconds(since: $0.at) } }
            let isSlow = parameters.breaker.slowMicroseconds.map { (began ?? service) > $0 } ?? false
            return isSlow ? .bad : .good
        case .transient: return .bad
        case .refused: return .good
        case .rateLimited, .slowDown, .keyUnusable: return .neutral
        }
    }

    private mutating func settle(
        _ record: CallRecord, _ outcome: AttemptOutcome, _ random: UInt64, at now: MonotonicTime
    ) {
        let index = record.pool.index
        switch outcome {
        case .success(let used):
            pools[index].retryBudget.deposit(at: now)
            tenants[record.tenant.index].retryBudget.deposit(at: now)
            features[record.feature.index].retryBudget.deposit(at: now)
            pools[index].avoidedUntil = nil
            if let used { settle(record, used: used, at: now) }
        case .transient(.notSent, _):
            pools[index].limiter.refund(record.cost, at: now)
            tenants[record.tenant.index].ceilings.refund(record.cost, at: now)
            correct(record, by: record.charge)
        case .rateLimited(let after), .slowDown(let after):
            let ceiling = parameters.retries.retryAfterCeilingMicroseconds
            let wait = min(max(0, after ?? Self.defaultFreezeMicroseconds), ceiling)
            // Never earlier than asked for: the spread is added on top, so that hosts do not resume together.
            let spread = Jitter.equal(wait / 2, random: random)
            pools[index].limiter.freeze(until: now.advanced(byMicroseconds: wait + spread), at: now)
            if case .slowDown = outcome { pools[index].limiter.slowDown(at: now) }
        case .keyUnusable:
            pools[index].avoidedUntil = now.advanced(byMicroseconds: Self.avoidedForMicroseconds)
        case .refused, .transient: break
        }
    }

    private mutating func settle(_ record: CallRecord, used: Int, at now: MonotonicTime) {
        let index = record.pool.index
        let used = min(max(used, 0), TokenBucket.ceiling)
        pools[index].limiter.settle(reserved: record.cost, used: used, at: now)
        tenants[record.tenant.index].ceilings.settle(by: record.cost.tokens - used, at: now)
        correct(record, by: record.charge - pools[index].limiter.charge(used))
    }

    private mutating func correct(_ record: CallRecord, by charge: Int) {
        pools[record.pool.index].queue.correct(
            record, by: charge, share: parameters.lanes[record.lane.rawValue].share)
    }
}

// MARK: - What an attempt's end means to its call

extension PolicyEngine {
    private mutating func verdict(
        _ id: CallID, _ record: CallRecord, _ outcome: AttemptOutcome, mayRetry: Bool, random: UInt64,
        at now: MonotonicTime
    ) -> AttemptVerdict {
        guard mayRetry, let trigger = outcome.trigger else { return .finished }
        if let delay = retryDelay(record, outcome, random: random, at: now) {
            return .retry(attempt: record.attempts + 1, delayMicroseconds: delay)
        }
        guard let route = moveToFallback(id, record, trigger, isQueued: false, at: now) else { return .finished }
        return .fallback(route: route, trigger: trigger)
    }

    /// How long the call pauses before its next attempt; nil when there is none.
    private mutating func retryDelay(
        _ record: CallRecord, _ outcome: AttemptOutcome, random: UInt64, at now: MonotonicTime
    ) -> Int64? {
        let retries = parameters.retries
        guard record.routeAttempts < retries.maxAttempts else { return nil }
        let delay: Int64
        switch outcome {
        case .success, .refused: return nil
        case .transient(_, let after):
            if let after, after > retries.retryAfterCeilingMicroseconds { return nil }
            let pause = retries.delay(beforeAttempt: record.routeAttempts + 1, random: random)
            delay = max(pause, after ?? 0)
        case .rateLimited(let after), .slowDown(let after):
            if let after, after > retries.retryAfterCeilingMicroseconds { return nil }
            let frozen = pools[record.pool.index].limiter.frozenUntil ?? now
            delay = max(0, frozen.microseconds(since: now))
        case .keyUnusable:
            // Another key of the same group may do at once.
            guard sibling(of: record, at: now) != nil else { return nil }
            delay = 0
        }
        guard canFinish(record, after: delay, at: now) else { return nil }
        // A 429 costs no budget: the freeze already holds everybody back.
        if case .transient = outcome, !payForRetry(record, at: now) { return nil }
        return delay
    }

    /// Whether an attempt that begins in `delay` can be over in time, if it takes the usual time.
    private func canFinish(_ record: CallRecord, after delay: Int64, at now: MonotonicTime) -> Bool {
        let begin = now.advanced(byMicroseconds: delay)
        guard begin.advanced(byMicroseconds: timeNeeded(record)) < record.deadline else { return false }
        guard let window = parameters.lanes[record.lane.rawValue].retryWindowMicroseconds else { return true }
        return begin.microseconds(since: record.arrivedAt) < window
    }

    func timeNeeded(_ record: CallRecord) -> Int64 {
        pools[record.pool.index].timeNeeded(
            record.endpoint, patience: record.deadline.microseconds(since: record.arrivedAt))
    }

    /// One retry from each of the three budgets, or none from any.
    private mutating func payForRetry(_ record: CallRecord, at now: MonotonicTime) -> Bool {
        let (pool, tenant, feature) = (record.pool.index, record.tenant.index, record.feature.index)
        guard pools[pool].breakers[record.endpoint]?.mayRetry ?? true,
            pools[pool].retryBudget.covers(at: now), tenants[tenant].retryBudget.covers(at: now),
            features[feature].retryBudget.covers(at: now)
        else { return false }
        _ = pools[pool].retryBudget.withdraw(at: now)
        _ = tenants[tenant].retryBudget.withdraw(at: now)
        _ = features[feature].retryBudget.withdraw(at: now)
        return true
    }

    /// The best other pool of the call's group whose key is not refused and whose breaker lets it through.
    private func sibling(of record: CallRecord, at now: MonotonicTime) -> PoolID? {
        let members = groups[currentGroup(record).index].filter {
            $0 != record.pool && !pools[$0.index].isAvoided(at: now) && mayEnter(record, $0, at: now)
        }
        guard members.count > 1 else { return members.first }
        return ranked(members, record.cost, record.lane, record.tenant, at: now).first
    }

    /// Whether a pool's breaker would not turn a call away.
    private func mayEnter(_ record: CallRecord, _ id: PoolID, at now: MonotonicTime) -> Bool {
        parameters.lanes[record.lane.rawValue].waitsForBreaker
            || pools[id.index].admission(record.endpoint, record.lane, parameters.breaker, at: now) == .permit
    }

    func currentGroup(_ record: CallRecord) -> GroupID {
        record.route == 0 ? record.group : record.fallbacks[record.route - 1].group
    }

    /// A pool's key was taken away, after its groups were told of their new members: whoever waits for it goes to
    /// another of the group that takes it. Who has none stays, for the shell to end.
    package mutating func withdraw(_ id: PoolID, at now: MonotonicTime, into effects: inout [Effect]) {
        pools[id.index].isWithdrawn = true
        for slot in pools[id.index].queue.queuedSlots + pools[id.index].queue.parkedSlots {
            let call = calls.id(ofSlot: slot)
            guard let waiting = calls[call], let target = sibling(of: waiting, at: now) else { continue }
            pools[id.index].queue.remove(slot, waiting)
            settleIn(call, target, cost: waiting.cost, route: waiting.route, at: now)
            wake(target, at: now)
        }
    }

    /// A key is of no use: whoever waits for it goes to another of the group, if there is one that takes it.
    private mutating func rehome(_ record: CallRecord, at now: MonotonicTime, into effects: inout [Effect]) {
        guard let target = sibling(of: record, at: now) else { return }
        for slot in pools[record.pool.index].queue.queuedSlots {
            let id = calls.id(ofSlot: slot)
            guard let waiting = calls[id], mayEnter(waiting, target, at: now) else { continue }
            pools[waiting.pool.index].queue.remove(slot, waiting)
            settleIn(id, target, cost: waiting.cost, route: waiting.route, at: now)
        }
        pump(target, at: now, into: &effects)
    }
}

extension AttemptOutcome {
    /// Which fallbacks it sets off; nil when no other attempt anywhere can help.
    fileprivate var trigger: FallbackTriggers? {
        switch self {
        case .success, .refused: nil
        case .transient: .error
        case .rateLimited, .slowDown, .keyUnusable: .quotaExhausted
        }
    }
}
