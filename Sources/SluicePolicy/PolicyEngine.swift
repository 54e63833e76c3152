/// The product's brain: events in, effects out. It performs no I/O, reads no clock and draws no random numbers; `now`
/// and `random` come in with each event, which is what lets the same machine run in production and in simulation.
///
/// Every call that ``arrive(_:at:into:)`` admitted ends exactly once: by an attempt whose verdict is `.finished`, by
/// ``cancel(_:at:into:)``, or by an `.expire` effect.
package struct PolicyEngine: Sendable {
    private var pools: [Pool] = []
    private var calls = CallTable()
    /// Live calls by deadline.
    private var deadlines = SlotHeap()
    /// Calls between two attempts, by the time the next may be made.
    private var backoffs = SlotHeap()
    /// Pools whose head waits for quota, by the time it comes.
    private var wakes = SlotHeap()
    private var nextSequence: Int64 = 0
    private var retries: RetryPolicy

    /// A freeze where a 429 did not say how long: one second, what OpenAI's guides start their backoff at.
    package static let defaultFreezeMicroseconds: Int64 = 1_000_000
    /// The longest freeze that is honoured; a provider that asks for more gets its 429 passed on.
    package static let freezeCeilingMicroseconds: Int64 = 120_000_000

    package init(retries: RetryPolicy = RetryPolicy()) { self.retries = retries }

    /// Calls that are neither finished nor refused.
    package var liveCalls: Int { calls.count }

    /// The moment at which ``tick(at:into:)`` has something to do, if nothing else happens before.
    package var nextWake: MonotonicTime? {
        let keys = (deadlines.firstKey ?? .max, backoffs.firstKey ?? .max, wakes.firstKey ?? .max)
        let earliest = min(keys.0, keys.1, keys.2)
        return earliest == .max ? nil : MonotonicTime(microseconds: earliest)
    }

    /// When a call that arrives now would be sent, as far as limits and pace tell.
    package func estimatedStart(_ cost: CallCost, pool id: PoolID, at now: MonotonicTime) -> MonotonicTime {
        let pool = pools[id.index]
        return pool.estimatedStart(
            cost, position: pool.queue.count + 1, tokensAhead: pool.queue.queuedTokens, at: now)
    }

    package func snapshot(_ id: PoolID) -> PoolSnapshot {
        let pool = pools[id.index]
        return PoolSnapshot(
            inFlight: pool.inFlight, queued: pool.queue.count, queuedBytes: pool.queue.queuedBytes,
            frozenUntil: pool.limiter.frozenUntil, limits: pool.limiter.limits)
    }
}

// MARK: - Pools

extension PolicyEngine {
    package mutating func addPool(_ settings: PoolParameters, at now: MonotonicTime) -> PoolID {
        precondition(settings.limits.maxInFlight > 0, "a pool without room: \(settings)")
        precondition(settings.queueCalls >= 0 && settings.queueBytes >= 0, "negative queue bounds: \(settings)")
        pools.append(
            Pool(
                settings: settings, limiter: PoolLimiter(settings.limits, at: now),
                retryBudget: RetryBudget(retries, at: now)))
        return PoolID(index: pools.count - 1)
    }

    /// Puts new settings in force; whoever waits keeps waiting under the new limits.
    package mutating func reconfigure(
        _ id: PoolID, _ settings: PoolParameters, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        precondition(settings.limits.maxInFlight > 0, "a pool without room: \(settings)")
        pools[id.index].settings = settings
        pools[id.index].limiter.reconfigure(settings.limits, at: now)
        pump(id, at: now, into: &effects)
    }

    /// Puts a new retry policy in force for attempts that end from now on.
    package mutating func reconfigure(retries: RetryPolicy, at now: MonotonicTime) {
        guard retries != self.retries else { return }
        self.retries = retries
        for index in pools.indices { pools[index].retryBudget = RetryBudget(retries, at: now) }
    }

    /// Learns from a provider's rate-limit headers.
    package mutating func observe(
        _ report: QuotaReport, pool id: PoolID, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        pools[id.index].limiter.observe(report, at: now)
        if pools[id.index].queue.count > 0 { pump(id, at: now, into: &effects) }
    }
}

// MARK: - Calls

extension PolicyEngine {
    /// Lets a call in, which sends it at once or queues it.
    ///
    /// - Throws: ``Refusal`` when it could never be served in time or there is no room for it to wait.
    package mutating func arrive(
        _ arrival: Arrival, at now: MonotonicTime, into effects: inout [Effect]
    ) throws(Refusal) -> CallID {
        try admit(arrival, at: now)
        nextSequence += 1
        let record = CallRecord(
            pool: arrival.pool, cost: arrival.cost, bytes: arrival.bytes, arrivedAt: now,
            deadline: arrival.deadline, sequence: nextSequence, state: .queued, attempts: 0, generation: 0)
        let id = calls.insert(record)
        deadlines.insert(Int(id.slot), key: arrival.deadline.microseconds)
        pools[arrival.pool.index].queue.enqueue(Int(id.slot), record)
        pump(arrival.pool, at: now, into: &effects)
        if calls[id]?.state == .queued { effects.append(queuedEffect(id, at: now)) }
        return id
    }

    /// Ends a call whose caller no longer wants it; answers whether an attempt of it was under way.
    @discardableResult
    package mutating func cancel(_ id: CallID, at now: MonotonicTime, into effects: inout [Effect]) -> Bool {
        guard let record = calls[id] else { return false }
        retire(id, record)
        pump(record.pool, at: now, into: &effects)
        return record.state == .sent
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
        pools[record.pool.index].inFlight -= 1
        assert(pools[record.pool.index].inFlight >= 0, "more attempts ended than began")
        settle(record, outcome, serviceMicroseconds, random, at: now)
        let verdict = verdict(record, outcome, mayRetry: mayRetry, random: random, at: now)
        switch verdict {
        case .finished: retire(id, record, settled: true)
        case .retry(_, let delay):
            calls.update(id) { $0.state = .waiting }
            backoffs.insert(Int(id.slot), key: now.advanced(byMicroseconds: delay).microseconds)
        }
        pump(record.pool, at: now, into: &effects)
        return verdict
    }

    /// Does what time alone brings: deadlines, ends of waits, quota that came back.
    ///
    /// First everybody who is due leaves or comes back, then pools are served: so what one call's end makes room for
    /// goes to the oldest that is ready, and never to one that ends in this very tick.
    package mutating func tick(at now: MonotonicTime, into effects: inout [Effect]) {
        expireDue(at: now, into: &effects)
        while let key = backoffs.firstKey, key <= now.microseconds, let slot = backoffs.popFirst() {
            let id = calls.id(ofSlot: slot)
            calls.update(id) { $0.state = .queued }
            guard let record = calls[id] else { preconditionFailure("a wait without a call: \(id)") }
            pools[record.pool.index].queue.enqueue(slot, record)
            wake(record.pool, at: now)
        }
        while let key = wakes.firstKey, key <= now.microseconds, let index = wakes.popFirst() {
            pump(PoolID(index: index), at: now, into: &effects)
        }
    }

    /// All that are due are gone before anybody is sent in their place: who expires too must not be.
    private mutating func expireDue(at now: MonotonicTime, into effects: inout [Effect]) {
        while let key = deadlines.firstKey, key <= now.microseconds, let slot = deadlines.first {
            let id = calls.id(ofSlot: slot)
            guard let record = calls[id] else { preconditionFailure("a deadline without a call: \(id)") }
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

// MARK: - Decisions

extension PolicyEngine {
    private func admit(_ arrival: Arrival, at now: MonotonicTime) throws(Refusal) {
        let pool = pools[arrival.pool.index]
        if let limit = pool.limiter.unsatisfiable(arrival.cost) {
            throw .exceedsLimit(limit, limit: pool.limiter.limits.tokensPerMinute ?? 0)
        }
        let start = estimatedStart(arrival.cost, pool: arrival.pool, at: now)
        let wait = start.microseconds(since: now)
        guard start < arrival.deadline else { throw .deadlineUnmeetable(waitMicroseconds: wait) }
        guard pool.queue.count > 0 || wait > 0 || !pool.hasRoomInFlight else { return }
        guard pool.queue.count < pool.settings.queueCalls else {
            throw .queueCalls(limit: pool.settings.queueCalls, retryAfterMicroseconds: wait)
        }
        guard pool.queue.queuedBytes + arrival.bytes <= pool.settings.queueBytes else {
            throw .queueBytes(limit: pool.settings.queueBytes, retryAfterMicroseconds: wait)
        }
    }

    private mutating func pump(_ id: PoolID, at now: MonotonicTime, into effects: inout [Effect]) {
        wakes.remove(id.index)
        while pools[id.index].hasRoomInFlight, let slot = pools[id.index].queue.next {
            let callID = calls.id(ofSlot: slot)
            guard let record = calls[callID] else { preconditionFailure("a queued call is gone: \(callID)") }
            guard record.deadline > now else {
                // Room can come before the tick that would have ended the call.
                retire(callID, record)
                effects.append(.expire(callID, attempts: record.attempts, inFlight: false))
                continue
            }
            let time = pools[id.index].limiter.grantTime(record.cost, at: now)
            guard time <= now else {
                wakes.insert(id.index, key: time.microseconds)
                return
            }
            send(callID, record, at: now, into: &effects)
        }
    }

    private mutating func send(
        _ id: CallID, _ record: CallRecord, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        assert(record.state == .queued, "sent from state \(record.state)")
        pools[record.pool.index].queue.remove(Int(id.slot), record)
        pools[record.pool.index].limiter.take(record.cost, at: now)
        pools[record.pool.index].inFlight += 1
        calls.update(id) { record in
            record.state = .sent
            record.attempts += 1
        }
        effects.append(.send(id, attempt: record.attempts + 1))
    }

    private mutating func verdict(
        _ record: CallRecord, _ outcome: AttemptOutcome, mayRetry: Bool, random: UInt64, at now: MonotonicTime
    ) -> AttemptVerdict {
        guard mayRetry, record.attempts < retries.maxAttempts else { return .finished }
        let delay: Int64
        switch outcome {
        case .success, .refused: return .finished
        case .transient: delay = retries.delay(beforeAttempt: record.attempts + 1, random: random)
        case .rateLimited(let after):
            if let after, after > Self.freezeCeilingMicroseconds { return .finished }
            delay = max(0, (pools[record.pool.index].limiter.frozenUntil ?? now).microseconds(since: now))
        }
        guard now.advanced(byMicroseconds: delay) < record.deadline else { return .finished }
        // A 429 costs no budget: the freeze already holds everybody back.
        if case .transient = outcome, !pools[record.pool.index].retryBudget.withdraw(at: now) { return .finished }
        return .retry(attempt: record.attempts + 1, delayMicroseconds: delay)
    }

    private mutating func settle(
        _ record: CallRecord, _ outcome: AttemptOutcome, _ service: Int64, _ random: UInt64, at now: MonotonicTime
    ) {
        let index = record.pool.index
        switch outcome {
        case .success(let used):
            pools[index].retryBudget.deposit(at: now)
            pools[index].observeService(service)
            if let used { pools[index].limiter.settle(reserved: record.cost, used: used, at: now) }
        case .refused, .transient(notSent: false): break
        case .transient(notSent: true): pools[index].limiter.refund(record.cost, at: now)
        case .rateLimited(let after):
            let wait = min(max(0, after ?? Self.defaultFreezeMicroseconds), Self.freezeCeilingMicroseconds)
            // Never earlier than asked for: the spread is added on top, so that hosts do not resume together.
            let spread = Jitter.equal(wait / 2, random: random)
            pools[index].limiter.freeze(until: now.advanced(byMicroseconds: wait + spread))
        }
    }

    private func queuedEffect(_ id: CallID, at now: MonotonicTime) -> Effect {
        guard let record = calls[id] else { preconditionFailure("call \(id) is gone") }
        let pool = pools[record.pool.index]
        let start = pool.estimatedStart(
            record.cost, position: pool.queue.count, tokensAhead: pool.queue.queuedTokens - record.cost.tokens, at: now)
        return .queued(id, position: pool.queue.count, etaMicroseconds: start.microseconds(since: now))
    }

    /// Takes a call out of everything that knows it.
    private mutating func retire(_ id: CallID, _ record: CallRecord, settled: Bool = false) {
        let slot = Int(id.slot)
        deadlines.remove(slot)
        switch record.state {
        case .queued: pools[record.pool.index].queue.remove(slot, record)
        case .waiting: backoffs.remove(slot)
        case .sent where !settled: pools[record.pool.index].inFlight -= 1
        case .sent: break
        }
        assert(pools[record.pool.index].inFlight >= 0, "in flight fell below zero")
        calls.remove(id)
    }
}
