@testable import SluicePolicy

/// The shell, the provider and the callers of one virtual hour and more, all drawn from one seed; every effect is
/// compared with ``ModelCall`` and ``ModelPool`` as it appears.
struct Simulation {
    var engine: PolicyEngine
    var random: SeededRandom
    var pools: [ModelPool] = []
    var calls: [CallID: ModelCall] = [:]
    /// Every admitted call's name, in order of admission.
    var names: [CallID] = []
    var agenda = Agenda()
    var now: Int64 = 0
    var retries: RetryPolicy
    /// Broken invariants; the first few, for a report.
    var violations: [String] = []
    /// Every effect and verdict, for comparing two runs.
    var trace = Trace()
    var admitted = 0
    var ended = 0
    var successes = 0
    var transientRetries = 0
    private var healthy = false
    private let arrivalsEnd: Int64

    static let largestCost = 9_000

    init(seed: UInt64, hours: Int64 = 1) {
        random = SeededRandom(seed: seed)
        retries = RetryPolicy(
            maxAttempts: random.pick(1...5), baseMicroseconds: Int64(random.element([0, 1_000, 200_000])),
            budgetPercent: random.element([0, 20, 100]), budgetPerSecond: random.element([0, 1, 5]))
        engine = PolicyEngine(retries: retries)
        arrivalsEnd = .seconds(3_600 * hours)
        for _ in 0..<random.pick(1...3) {
            let settings = Self.settings(&random)
            _ = engine.addPool(settings, at: at(0))
            pools.append(ModelPool(settings, at: 0))
        }
        agenda.add(.arrival, at: 0)
        agenda.add(.observe, at: .seconds(30))
        agenda.add(.reconfigure, at: .seconds(Int64(random.pick(60...7_200))))
        agenda.add(.heal, at: arrivalsEnd)
    }

    static func settings(_ random: inout SeededRandom) -> PoolParameters {
        let limits = PoolLimits(
            requestsPerMinute: random.element([nil, 1, 3, 60, 500]),
            tokensPerMinute: random.element([nil, 9_000, 10_000, 60_000, 1_000_000]),
            maxInFlight: random.element([1, 2, 10, 256]))
        return PoolParameters(
            limits: limits, queueCalls: random.element([0, 1, 20, 10_000]), queueBytes: random.element([500, 1 << 30]))
    }

    mutating func fail(_ message: String) {
        if violations.count < 5 { violations.append("at \(now) µs: \(message)") }
    }

    /// Runs to the end: arrivals and faults, then health, until nothing is left.
    mutating func run() {
        var steps = 0
        while steps < 1_000_000, step() { steps += 1 }
        if steps == 1_000_000 { fail("never came to an end") }
        if engine.liveCalls != 0 || !calls.isEmpty { fail("\(engine.liveCalls) calls live at the end") }
        if ended != admitted { fail("\(admitted) admitted, \(ended) ended") }
        if engine.nextWake != nil { fail("idle, and a timer is set") }
        checkRetryBudget()
        for index in pools.indices { checkWindows(index) }
        for index in pools.indices { checkRefill(index) }
    }

    private mutating func step() -> Bool {
        let wake = engine.nextWake.map { max(now, $0.microseconds) }
        if let wake, wake <= agenda.firstTime ?? .max {
            // A timer may be late, and then something else may come first.
            let late = random.percent(30) ? Int64(random.pick(1...3_000)) : 0
            if wake + late <= agenda.firstTime ?? .max {
                now = wake + late
                tick()
                return true
            }
        }
        guard let time = agenda.firstTime, let event = agenda.popFirst() else { return false }
        now = max(now, time)
        handle(event)
        return true
    }

    private mutating func handle(_ event: Agenda.Event) {
        switch event {
        case .arrival:
            for _ in 0..<(random.percent(15) ? random.pick(1...60) : 1) { arrive() }
            let gap = random.element([1_000, 200_000, 5_000_000, 60_000_000, 400_000_000])
            let next = now + Int64(random.pick(0...gap))
            if next < arrivalsEnd { agenda.add(.arrival, at: next) }
        case .ending(let id, let attempt): attemptEnded(id, attempt)
        case .cancel(let id): cancel(id)
        case .reconfigure: reconfigure()
        case .observe: observe()
        case .heal: healthy = true
        }
    }

    // MARK: Events

    private mutating func arrive() {
        let pool = random.pick(0...pools.count - 1)
        let cost = random.element([0, 1, 100, 900, random.pick(0...Self.largestCost)])
        let patience = random.element([1, 2_000, 4_000_000, 60_000_000, 3_600_000_000])
        let arrival = Arrival(
            pool: PoolID(index: pool), cost: CallCost(tokens: cost), bytes: random.pick(0...300),
            deadline: at(now + Int64(random.pick(0...patience))))
        let couldGo =
            pools[pool].queue.isEmpty && pools[pool].inFlight < pools[pool].settings.limits.maxInFlight
            && pools[pool].grants(cost, at: now)
        var effects: [Effect] = []
        do throws(Refusal) {
            let id = try engine.arrive(arrival, at: at(now), into: &effects)
            if arrival.deadline.microseconds <= now { fail("admitted after its deadline") }
            admitted += 1
            let call = ModelCall(
                pool: pool, cost: cost, bytes: arrival.bytes, deadline: arrival.deadline.microseconds,
                sequence: admitted)
            if calls.updateValue(call, forKey: id) != nil { fail("name \(id) given twice") }
            names.append(id)
            pools[pool].enqueue(call)
            take(effects)
            let isQueued = calls[id]?.state == .queued
            let told = effects.contains { if case .queued(id, _, _) = $0 { true } else { false } }
            if isQueued != told { fail("queued: \(isQueued), told: \(told)") }
            if couldGo, isQueued { fail("could go at once and was queued") }
            if random.percent(5) { agenda.add(.cancel(id), at: now + Int64(random.pick(0...30_000_000))) }
            check(pool)
        } catch {
            trace.add(error)
            judge(error, arrival, pool, couldGo)
            if !effects.isEmpty { fail("refused with effects") }
        }
    }

    private mutating func judge(_ refusal: Refusal, _ arrival: Arrival, _ index: Int, _ couldGo: Bool) {
        let pool = pools[index]
        let isTrue =
            switch refusal {
            case .queueCalls(let limit, _): limit == pool.settings.queueCalls && pool.queue.count >= limit && !couldGo
            case .queueBytes(let limit, _):
                limit == pool.settings.queueBytes && pool.queuedBytes + arrival.bytes > limit && !couldGo
            case .deadlineUnmeetable(let wait):
                now + wait >= arrival.deadline.microseconds && (!couldGo || arrival.deadline.microseconds <= now)
            case .exceedsLimit(let name, let limit):
                name == .tokensPerMinute && limit == pool.tokenLimit && arrival.cost.tokens > limit
            }
        if !isTrue { fail("refused for no reason: \(refusal)") }
    }

    private mutating func attemptEnded(_ id: CallID, _ attempt: Int) {
        guard let call = calls[id] else {
            // The report of an attempt that was aborted: it must change nothing.
            var effects: [Effect] = []
            let verdict = engine.attemptEnded(
                id, .success(usedTokens: 5), mayRetry: true, serviceMicroseconds: 1, random: 0, at: at(now),
                into: &effects)
            if verdict != .finished || !effects.isEmpty { fail("a dead call came back: \(verdict)") }
            return
        }
        guard call.state == .sent, call.attempts == attempt else {
            fail("call \(id) is in \(call.state), attempt \(call.attempts), when attempt \(attempt) ends")
            return
        }
        let outcome = outcome(of: call)
        settle(call, outcome)
        let mayRetry = healthy || !random.percent(10)
        var effects: [Effect] = []
        let verdict = engine.attemptEnded(
            id, outcome, mayRetry: mayRetry, serviceMicroseconds: Int64(random.pick(1_000...5_000_000)),
            random: random.next(), at: at(now), into: &effects)
        trace.add(verdict)
        pools[call.pool].inFlight -= 1
        freeze(call.pool, outcome)
        judge(verdict, id, outcome, mayRetry)
        take(effects)
        check(call.pool)
    }

    private mutating func outcome(of call: ModelCall) -> AttemptOutcome {
        if healthy || random.percent(70) {
            let used = random.element([nil, call.cost, random.pick(0...call.cost), random.pick(0...call.cost * 2)])
            return .success(usedTokens: used)
        }
        return random.element([
            .refused, .transient(notSent: false), .transient(notSent: true), .rateLimited(retryAfterMicroseconds: nil),
            .rateLimited(retryAfterMicroseconds: Int64(random.pick(0...20_000_000))),
            .rateLimited(retryAfterMicroseconds: random.percent(10) ? 400_000_000 : 50_000),
        ])
    }

    private mutating func settle(_ call: ModelCall, _ outcome: AttemptOutcome) {
        switch outcome {
        case .success(let used):
            successes += 1
            if let used { pools[call.pool].giveBack(requests: 0, tokens: call.cost - used, at: now) }
        case .transient(notSent: true): pools[call.pool].giveBack(requests: 1, tokens: call.cost, at: now)
        case .refused, .transient, .rateLimited: break
        }
    }

    /// The engine adds a spread of up to half of the wait, which it alone knows; the model reads the end from the
    /// snapshot and holds it to those bounds.
    private mutating func freeze(_ index: Int, _ outcome: AttemptOutcome) {
        guard case .rateLimited(let after) = outcome else { return }
        let wait = min(after ?? 1_000_000, 120_000_000)
        let until = engine.snapshot(PoolID(index: index)).frozenUntil?.microseconds ?? .min
        if until < now + wait { fail("asked to wait \(wait) µs, frozen until \(until)") }
        if until > max(pools[index].frozenUntil, now + wait + wait / 2) { fail("frozen for longer than it may") }
        pools[index].frozenUntil = until
    }

    private mutating func judge(
        _ verdict: AttemptVerdict, _ id: CallID, _ outcome: AttemptOutcome, _ mayRetry: Bool
    ) {
        guard case .retry(let attempt, let delay) = verdict, let call = calls[id] else {
            calls[id] = nil
            ended += 1
            return
        }
        let isTransient = if case .transient = outcome { true } else { false }
        if isTransient { transientRetries += 1 }
        let isRateLimit = if case .rateLimited = outcome { true } else { false }
        if !mayRetry || !(isTransient || isRateLimit) { fail("retried \(outcome)") }
        if attempt != call.attempts + 1 || attempt > retries.maxAttempts { fail("attempt \(attempt) is to come") }
        if delay < 0 || now + delay >= call.deadline { fail("waits \(delay) µs, past its deadline") }
        calls[id]?.state = .waiting
        calls[id]?.dueAt = now + delay
    }

    private mutating func cancel(_ id: CallID) {
        var effects: [Effect] = []
        let wasSent = engine.cancel(id, at: at(now), into: &effects)
        trace.add(wasSent)
        guard let call = calls.removeValue(forKey: id) else {
            if wasSent || !effects.isEmpty { fail("cancelled a dead call") }
            return
        }
        if wasSent != (call.state == .sent) { fail("cancel says sent: \(wasSent) in \(call.state)") }
        leave(call)
        ended += 1
        take(effects)
        check(call.pool)
    }

    private mutating func reconfigure() {
        let index = random.pick(0...pools.count - 1)
        let settings = Self.settings(&random)
        pools[index].settings = settings
        pools[index].applyLimits(at: now)
        pools[index].wasReshaped = true
        var effects: [Effect] = []
        engine.reconfigure(PoolID(index: index), settings, at: at(now), into: &effects)
        take(effects)
        check(index)
        let next = now + .seconds(Int64(random.pick(60...3_600)))
        if next < arrivalsEnd { agenda.add(.reconfigure, at: next) }
    }

    private mutating func observe() {
        let index = random.pick(0...pools.count - 1)
        let requestLimit: Int? = random.element([nil, nil, 0, 100])
        let tokenLimit: Int? = random.element([nil, nil, 20_000])
        let report = QuotaReport(
            requestLimit: requestLimit, requestsRemaining: random.element([nil, nil, 0, 3, 1_000]),
            tokenLimit: tokenLimit, tokensRemaining: random.element([nil, nil, 0, 700, 1_000_000]))
        if let requestLimit, requestLimit > 0 { pools[index].learned.requestsPerMinute = requestLimit }
        if let tokenLimit { pools[index].learned.tokensPerMinute = tokenLimit }
        if requestLimit ?? 0 > 0 || tokenLimit != nil { pools[index].wasReshaped = true }
        pools[index].applyLimits(at: now)
        if let left = report.requestsRemaining { pools[index].requests?.pullDown(to: left, at: now) }
        if let left = report.tokensRemaining { pools[index].tokens?.pullDown(to: left, at: now) }
        var effects: [Effect] = []
        engine.observe(report, pool: PoolID(index: index), at: at(now), into: &effects)
        take(effects)
        check(index)
        let next = now + .seconds(Int64(random.pick(1...300)))
        if next < arrivalsEnd { agenda.add(.observe, at: next) }
    }

    private mutating func tick() {
        for id in calls.keys where calls[id]?.state == .waiting {
            guard let call = calls[id], call.dueAt <= now, call.deadline > now else { continue }
            calls[id]?.state = .queued
            pools[call.pool].enqueue(call)
        }
        var effects: [Effect] = []
        engine.tick(at: at(now), into: &effects)
        take(effects)
        for call in calls.values where call.deadline <= now { fail("call \(call.sequence) outlived its deadline") }
        if let wake = engine.nextWake, wake.microseconds <= now { fail("ticked, and is still due") }
        for index in pools.indices { check(index) }
    }

    // MARK: Effects

    private mutating func take(_ effects: [Effect]) {
        for effect in effects {
            trace.add(effect)
            switch effect {
            case .send(let id, let attempt): takeSend(id, attempt)
            case .queued(let id, let position, let eta):
                guard let call = calls[id], call.state == .queued else {
                    fail("told to wait: \(id)")
                    continue
                }
                if position != pools[call.pool].queue.count || eta < 0 { fail("position \(position), eta \(eta)") }
            case .expire(let id, let attempts, let inFlight): takeExpire(id, attempts, inFlight)
            }
        }
    }

    private mutating func takeSend(_ id: CallID, _ attempt: Int) {
        guard let call = calls[id], call.state == .queued else {
            fail("sent \(id), which does not wait")
            return
        }
        var pool = pools[call.pool]
        if attempt != call.attempts + 1 || attempt > retries.maxAttempts { fail("attempt \(attempt)") }
        if now >= call.deadline { fail("call \(call.sequence) sent after its deadline") }
        if now < pool.frozenUntil { fail("sent while frozen") }
        if !pool.grants(call.cost, at: now) { fail("sent before its quota came") }
        if pool.queue.first != call.sequence { fail("call \(call.sequence) overtook \(pool.queue.first ?? -1)") }
        if pool.inFlight >= pool.settings.limits.maxInFlight { fail("over the ceiling: \(pool.inFlight)") }
        if !pool.dequeue(call) { fail("sent from outside the queue") }
        pool.take(call.cost, at: now)
        pool.inFlight += 1
        pools[call.pool] = pool
        calls[id]?.state = .sent
        calls[id]?.attempts = attempt
        let longest = healthy ? 2_000_000 : random.element([1_000, 500_000, 60_000_000])
        agenda.add(.ending(id, attempt: attempt), at: now + Int64(random.pick(0...longest)))
    }

    private mutating func takeExpire(_ id: CallID, _ attempts: Int, _ inFlight: Bool) {
        guard let call = calls.removeValue(forKey: id) else {
            fail("expired \(id), which is gone")
            return
        }
        if now < call.deadline { fail("expired before its deadline") }
        if attempts != call.attempts || inFlight != (call.state == .sent) { fail("expired with wrong facts") }
        leave(call)
        ended += 1
    }

    private mutating func leave(_ call: ModelCall) {
        switch call.state {
        case .queued: if !pools[call.pool].dequeue(call) { fail("left a queue it was not in") }
        case .sent: pools[call.pool].inFlight -= 1
        case .waiting: break
        }
    }

    // MARK: Checks

    /// After an event in a pool: the engine counts as the model counts, and nobody waits who could go.
    private mutating func check(_ index: Int) {
        let pool = pools[index]
        let seen = engine.snapshot(PoolID(index: index))
        if seen.inFlight != pool.inFlight || pool.inFlight < 0 { fail("in flight \(seen.inFlight), \(pool.inFlight)") }
        if seen.queued != pool.queue.count { fail("queued \(seen.queued), expected \(pool.queue.count)") }
        if seen.queuedBytes != pool.queuedBytes { fail("bytes \(seen.queuedBytes), expected \(pool.queuedBytes)") }
        if engine.liveCalls != calls.count { fail("\(engine.liveCalls) live, expected \(calls.count)") }
        guard let sequence = pool.queue.first, pool.inFlight < pool.settings.limits.maxInFlight else { return }
        guard let head = calls[names[sequence - 1]] else { return fail("a dead call is queued: \(sequence)") }
        if pool.grants(head.cost, at: now) { fail("call \(sequence) could go and does not") }
    }
}
