@testable import SluicePolicy

/// The shell, the provider and the callers of one virtual hour and more, all drawn from one seed; every effect is
/// compared with a model that was written from the documentation, as it appears.
struct Simulation {
    enum Event {
        case arrival
        case answer(CallID, attempt: Int)
        case ending(CallID, attempt: Int)
        case cancel(CallID)
        case reconfigure, observe, force, outage, refresh, heal
    }

    var engine: PolicyEngine
    var random: SeededRandom
    var parameters: PolicyParameters
    var pools: [ModelPool] = []
    var groups: [[Int]] = []
    var tenants: [ModelTenant] = []
    var features: [FeatureParameters] = []
    var calls: [CallID: ModelCall] = [:]
    /// Budgets of pools, tenants and features.
    var budgets: [[ModelBudget]] = [[], [], []]
    var agenda = Agenda<Event>()
    var now: Int64 = 0
    /// Broken invariants; the first few, for a report.
    var violations: [String] = []
    /// Every effect and verdict, for comparing two runs.
    var trace: Trace?
    var admitted = 0
    var ended = 0
    var sent = 0
    var isHealthy = false
    /// Whether this event moved or refused a waiting call.
    var hasMoved = false
    let arrivalsEnd: Int64

    static let largestCost = 9_000

    init(seed: UInt64, hours: Int64 = 1, isTraced: Bool = false) {
        random = SeededRandom(seed: seed)
        parameters = Self.parameters(&random)
        engine = PolicyEngine(parameters)
        arrivalsEnd = .seconds(3_600 * hours)
        if isTraced { trace = Trace() }
        tenants = [ModelTenant(TenantParameters(), at: 0)]
        features = [FeatureParameters()]
        for _ in 0..<random.pick(1...3) { addGroup() }
        for _ in 0..<random.pick(0...random.element([1, 5, 29])) {
            let tenant = Self.tenant(&random)
            _ = engine.addTenant(tenant, at: at(0))
            tenants.append(ModelTenant(tenant, at: 0))
        }
        for _ in 0..<random.pick(0...3) {
            features.append(Self.feature(&random))
            _ = engine.addFeature(features[features.count - 1], at: at(0))
        }
        budgets = [pools.count, tenants.count, features.count].map {
            [ModelBudget](repeating: ModelBudget(), count: $0)
        }
        plan()
    }

    private mutating func addGroup() {
        var members: [PoolID] = []
        for _ in 0..<random.element([1, 1, 2, 3]) {
            let settings = Self.pool(&random)
            members.append(engine.addPool(settings, at: at(0)))
            pools.append(ModelPool(settings, at: 0))
        }
        _ = engine.addGroup(members)
        groups.append(members.map(\.index))
    }

    private mutating func plan() {
        agenda.add(.arrival, at: 0)
        agenda.add(.observe, at: .seconds(30))
        agenda.add(.refresh, at: .seconds(1))
        for (event, most) in [(Event.reconfigure, 3_600), (.force, 7_200), (.outage, 1_800)] {
            agenda.add(event, at: .seconds(Int64(random.pick(60...most))))
        }
        agenda.add(.heal, at: arrivalsEnd)
    }

    mutating func fail(_ message: String) {
        if violations.count < 5 { violations.append("at \(now) µs: \(message)") }
    }

    /// Runs to the end: arrivals and faults, then health, until nothing is left.
    mutating func run() {
        var steps = 0
        while steps < 1_000_000, violations.isEmpty, step() { steps += 1 }
        if steps == 1_000_000 { fail("never came to an end") }
        guard violations.isEmpty else { return }
        checkEnd()
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

    private mutating func handle(_ event: Event) {
        switch event {
        case .arrival:
            for _ in 0..<(random.percent(15) ? random.pick(1...60) : 1) { arrive() }
            plan(.arrival, within: random.element([1_000, 200_000, 5_000_000, 60_000_000, 400_000_000]))
        case .answer(let id, let attempt): answerBegan(id, attempt)
        case .ending(let id, let attempt): attemptEnded(id, attempt)
        case .cancel(let id): cancel(id)
        case .reconfigure:
            reconfigure()
            plan(.reconfigure, within: .seconds(900))
        case .observe:
            observe(nil)
            plan(.observe, within: .seconds(300))
        case .force:
            force(random.element([.open, .closed, .none, .none]), pool: random.pick(0...pools.count - 1))
            plan(.force, within: .seconds(600))
        case .outage:
            pools[random.pick(0...pools.count - 1)].failsUntil = now + Int64(random.pick(0...400_000_000))
            plan(.outage, within: .seconds(1_200))
        case .refresh: refresh()
        case .heal:
            isHealthy = true
            for index in pools.indices { force(.none, pool: index, endpoint: nil) }
        }
    }

    private mutating func plan(_ event: Event, within most: Int64) {
        let next = now + Int64(random.pick(0...Int(most)))
        if next < arrivalsEnd { agenda.add(event, at: next) }
    }
}

// MARK: - What happens

extension Simulation {
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
            return fail("call \(id) is in \(call.state), attempt \(call.attempts), when attempt \(attempt) ends")
        }
        if random.percent(20) { observe(id) }
        let outcome = outcome(of: call)
        let mayRetry = !call.hasAnswer && !random.percent(isHealthy ? 0 : 10)
        var effects: [Effect] = []
        let verdict = engine.attemptEnded(
            id, outcome, mayRetry: mayRetry, serviceMicroseconds: now - call.sentAt, random: random.next(),
            at: at(now), into: &effects)
        trace?.add(verdict)
        pools[call.pool].count(call, -1)
        settle(call, outcome)
        judge(verdict, id, call, outcome, mayRetry)
        finish(effects)
    }

    private mutating func outcome(of call: ModelCall) -> AttemptOutcome {
        let isOutage = now < pools[call.pool].failsUntil
        let cost = call.cost.tokens
        if isHealthy || !isOutage && random.percent(75) {
            return .success(usedTokens: random.element([nil, cost, random.pick(0...cost), random.pick(0...cost * 2)]))
        }
        let kind = random.element([TransientFault.notSent, .timeout, .connectionLost, .serverError, .overloaded])
        let after: Int64? = random.element([nil, nil, 3_000_000, 200_000_000])
        if isOutage { return .transient(kind, retryAfterMicroseconds: after) }
        return random.element([
            .refused, .refused, .transient(kind, retryAfterMicroseconds: after),
            .rateLimited(retryAfterMicroseconds: nil),
            .rateLimited(retryAfterMicroseconds: Int64(random.pick(0...20_000_000))),
            .rateLimited(retryAfterMicroseconds: random.percent(10) ? 400_000_000 : 50_000),
            .slowDown(retryAfterMicroseconds: random.element([nil, 1_000_000])),
            .keyUnusable(isQuota: random.percent(50)),
        ])
    }

    private mutating func answerBegan(_ id: CallID, _ attempt: Int) {
        guard let call = calls[id], call.state == .sent, call.attempts == attempt else { return }
        calls[id]?.hasAnswer = true
        var effects: [Effect] = []
        engine.answerBegan(id, at: at(now), into: &effects)
        finish(effects)
    }

    private mutating func cancel(_ id: CallID) {
        var effects: [Effect] = []
        let wasSent = engine.cancel(id, at: at(now), into: &effects)
        trace?.add(wasSent)
        guard let call = calls.removeValue(forKey: id) else {
            if wasSent || !effects.isEmpty { fail("cancelled a dead call") }
            return
        }
        if wasSent != (call.state == .sent) { fail("cancel says sent: \(wasSent) in \(call.state)") }
        leave(id, call)
        finish(effects)
    }

    private mutating func tick() {
        // In an order that does not depend on the process.
        let due = calls.filter { $0.value.state == .waiting && $0.value.dueAt <= now && $0.value.deadline > now }
        for (id, call) in due.sorted(by: { $0.value.sequence < $1.value.sequence }) {
            calls[id]?.state = .queued
            calls[id]?.queuedAt = now
            pools[call.pool].enqueue(id, call)
        }
        var effects: [Effect] = []
        engine.tick(at: at(now), into: &effects)
        finish(effects)
        for call in calls.values where call.deadline <= now { fail("call \(call.sequence) outlived its deadline") }
        if let wake = engine.nextWake, wake.microseconds <= now { fail("ticked, and is still due") }
    }

    private mutating func refresh() {
        var effects: [Effect] = []
        engine.refreshQueued(at: at(now), into: &effects)
        finish(effects)
        // Nobody reads a clock that tells nothing.
        let isIdle = pools.allSatisfy(\.waiting.isEmpty)
        let next = now + (isIdle ? .seconds(60) : .seconds(random.element([1, 1, 7])))
        if next < arrivalsEnd { agenda.add(.refresh, at: next) }
    }

    private mutating func force(_ force: BreakerForce, pool index: Int) {
        let endpoint: Int? = random.percent(50) ? nil : random.pick(0...2)
        self.force(force, pool: index, endpoint: endpoint)
    }

    private mutating func force(_ force: BreakerForce, pool index: Int, endpoint: Int?) {
        var effects: [Effect] = []
        engine.force(force, pool: PoolID(index: index), endpoint: endpoint, at: at(now), into: &effects)
        finish(effects)
    }

    /// Takes in headers, those of an attempt that is ending or such that answer none of ours.
    private mutating func observe(_ id: CallID?) {
        let index = id.flatMap { calls[$0]?.pool } ?? random.pick(0...pools.count - 1)
        guard pools[index].settings.initialInFlight != 63 else { return }
        let report = QuotaReport(
            requestLimit: random.element([nil, nil, 0, 100, 500]),
            requestsRemaining: random.element([nil, nil, 0, 3, 90, 1_000]),
            tokenLimit: random.element([nil, nil, nil, 20_000]),
            tokensRemaining: random.element([nil, nil, 0, 700, 15_000, 1_000_000]))
        var effects: [Effect] = []
        engine.observe(report, from: id, pool: PoolID(index: index), at: at(now), into: &effects)
        let seen = engine.snapshot(PoolID(index: index), at: at(now))
        let call = id.flatMap { calls[$0] }
        let then = call?.sentThen ?? (requests: pools[index].requests.sent, tokens: pools[index].tokens.sent)
        pools[index].requests.observe(
            limit: report.requestLimit, remaining: report.requestsRemaining, sentThen: then.requests,
            sentAt: call?.sentAt ?? now, foreign: seen.foreignRequestsPerMinute, at: now)
        pools[index].tokens.observe(
            limit: report.tokenLimit, remaining: report.tokensRemaining, sentThen: then.tokens,
            sentAt: call?.sentAt ?? now, foreign: seen.foreignTokensPerMinute, at: now)
        if seen.foreignRequestsPerMinute < 0 || seen.foreignTokensPerMinute < 0 {
            fail("others take less than nothing")
        }
        finish(effects)
    }
}
