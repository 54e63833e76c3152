import SluicePolicy

/// Takes note of everything that happens in a run: for the report, for the picture, for the checks, and in one number
/// for comparing runs.
struct Recorder {
    let scenario: Scenario
    let planOfPool: [Int]
    var tally: Tally
    var timeline: Timeline
    var ledger: Ledger
    var digest = Digest()
    var balance: ServiceBalance
    /// Requests and tokens sent, and tokens really used, by pool of the scenario, after the warm-up.
    var sentRequests: [Int]
    var sentTokens: [Int]
    var usedTokens: [Int]
    private(set) var arrived = 0
    private(set) var admitted = 0
    private(set) var attempts = 0
    private(set) var rateLimited = 0
    /// How far first estimates of the start were off, where the call was sent at the first attempt.
    var estimateErrors = SpanHistogram()
    private var queuedByLane: [[Int]]
    private var inFlight: [Int]

    init(_ scenario: Scenario) {
        self.scenario = scenario
        planOfPool = scenario.pools.enumerated().flatMap { Array(repeating: $0.offset, count: $0.element.keys) }
        tally = Tally(tenants: scenario.tenants.count)
        timeline = Timeline(scenario)
        ledger = Ledger(scenario, planOfPool: planOfPool)
        balance = ServiceBalance(scenario, pools: planOfPool.count)
        sentRequests = Array(repeating: 0, count: scenario.pools.count)
        sentTokens = sentRequests
        usedTokens = sentRequests
        queuedByLane = Array(repeating: Array(repeating: 0, count: PolicyLane.count), count: planOfPool.count)
        inFlight = Array(repeating: 0, count: planOfPool.count)
    }

    private func counts(_ arrivedAt: Int64) -> Bool { arrivedAt >= scenario.warmUpMicroseconds }

    private mutating func note(_ kind: UInt64, _ serial: Int, _ now: Int64, _ detail: Int = 0) {
        digest.add(kind)
        digest.add(serial)
        digest.add(now)
        digest.add(detail)
    }

    /// What one dispatch counts for in the scheduler: tokens, or a request's part of a minute's tokens where that is
    /// more.
    func charge(_ cost: CallCost, pool: Int) -> Int {
        let limits = scenario.pools[planOfPool[pool]].parameters.limits
        switch (limits.requestsPerMinute, limits.tokensPerMinute) {
        case (.some(let requests), .some(let tokens)): return max(1, cost.tokens, tokens / requests)
        case (.some, nil): return 1
        case (nil, _): return max(1, cost.tokens)
        }
    }
}

// MARK: - Events

extension Recorder {
    mutating func offered(_ call: WorkloadCall, serial: Int, at now: Int64) {
        arrived += 1
        note(1, serial, now, call.inputTokens)
        if counts(now) { tally[call.tenant, call.lane].offered += 1 }
    }

    mutating func admitted(_ live: LiveCall, at now: Int64) {
        admitted += 1
        note(2, live.serial, now, live.pool.index)
        let charge = charge(live.cost, pool: live.pool.index)
        ledger.admitted(live, charge: charge, at: now)
        balance.queued(live)
        if counts(live.arrivedAt) { tally[live.call.tenant, live.call.lane].admitted += 1 }
    }

    mutating func refusedAtDoor(_ call: WorkloadCall, serial: Int, _ refusal: Refusal, at now: Int64) {
        note(3, serial, now, refusal.ordinal)
        timeline.refused(at: now)
        if counts(now) { tally[call.tenant, call.lane].refused[refusal.ordinal] += 1 }
    }

    mutating func sent(
        _ live: LiveCall, former: LiveCall, _ dispatch: Dispatch, _ exchange: ProviderExchange, at now: Int64
    ) {
        attempts += 1
        note(4, live.serial, now, dispatch.attempt << 16 | dispatch.pool.index << 8 | dispatch.route)
        let charge = charge(live.cost, pool: live.pool.index)
        ledger.sent(live, former: former, dispatch, charge: charge, at: now)
        balance.sent(live, former: former, charge: charge)
        let plan = planOfPool[live.pool.index]
        let isFirst = former.firstSentAt == nil
        let wait = now - live.arrivedAt
        timeline.sent(
            pool: plan, tokens: live.cost.tokens, firstWait: isFirst ? (live.call.lane, wait) : nil, at: now)
        guard counts(live.arrivedAt) else { return }
        sentRequests[plan] += 1
        sentTokens[plan] += live.cost.tokens
        tally[live.call.tenant, live.call.lane].attempts += 1
        tally[live.call.tenant, live.call.lane].sentTokens += live.cost.tokens
        guard isFirst else { return }
        if let promised = live.promisedAt { estimateErrors.add(abs(promised - now)) }
    }

    mutating func attemptEnded(
        _ live: LiveCall, _ exchange: ProviderExchange, _ verdict: AttemptVerdict, at now: Int64
    ) {
        let ordinal = FailureKind(exchange.outcome)?.ordinal ?? -1
        note(5, live.serial, now, ordinal)
        ledger.attemptEnded(live, exchange, at: now)
        guard exchange.isRateLimited else { return }
        rateLimited += 1
        timeline.rateLimited(pool: planOfPool[live.pool.index], at: now)
        if counts(live.arrivedAt) { tally[live.call.tenant, live.call.lane].rateLimited += 1 }
    }

    mutating func ended(_ live: LiveCall, _ end: CallEnd, at now: Int64) {
        ledger.ended(live, at: now)
        if live.state == .queued { balance.left(live) }
        note(6, live.serial, now, end.code)
        if case .refused = end { timeline.refused(at: now) }
        guard counts(live.arrivedAt) else { return }
        if case .served(let input, let output) = end { usedTokens[planOfPool[live.pool.index]] += input + output }
        let price = scenario.pools[planOfPool[live.pool.index]].price
        // In place: a row holds histograms, and a copy of them for each call would be the costliest thing in a run.
        tally[live.call.tenant, live.call.lane].add(end, live, price, at: now)
    }

    /// Once a virtual second, for each of the engine's pools in turn.
    mutating func sample(_ pool: Int, _ snapshot: PoolSnapshot, at now: Int64) {
        queuedByLane[pool] = snapshot.queuedByLane
        inFlight[pool] = snapshot.inFlight
        let isFrozen = snapshot.frozenUntil.map { $0.microseconds > now } ?? false
        let isClosed = snapshot.breakers.allSatisfy { $0.standing == .closed || $0.standing == .forcedClosed }
        let couldGo = !isFrozen && snapshot.inFlight < snapshot.guardLimit && isClosed
        ledger.quotaUse[pool].second(couldGo: couldGo && now <= scenario.durationMicroseconds)
        if pool == 0, now <= scenario.durationMicroseconds { ledger.laneShares.second() }
        guard pool == planOfPool.count - 1 else { return }
        balance.second(at: now)
        timeline.sample(
            queued: (0..<PolicyLane.count).map { lane in queuedByLane.reduce(0) { $0 + $1[lane] } },
            inFlight: scenario.pools.indices.map { plan in
                planOfPool.indices.reduce(0) { $0 + (planOfPool[$1] == plan ? inFlight[$1] : 0) }
            }, at: now)
    }

    mutating func close(at now: Int64, live: Int, unended: Int) {
        ledger.closed(live: live, unended: unended)
        timeline.close()
        balance.close()
    }
}
