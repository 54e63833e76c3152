import SluicePolicy

/// The auditor: counts from the outside what the engine does and holds it to the invariants. It knows the scenario and
/// the effects, never the engine's own tags and buckets.
struct Ledger {
    private(set) var violations: [Violation] = []
    private(set) var violationCount = 0
    private(set) var now: Int64 = 0
    var windows: [WindowCheck]
    var fairness: FairnessCheck
    var quotaUse: [QuotaUseCheck]
    /// Of the first pool.
    var laneShares: LaneShareCheck
    private var admitted = 0
    private var ended = 0
    private var idleTicks = 0

    /// Violations that are kept with their text; further ones are counted.
    static let kept = 20
    /// Ticks of one moment after which time is said to stand still.
    private static let patience = 100_000

    init(_ scenario: Scenario, planOfPool: [Int]) {
        let pools = planOfPool.map { scenario.pools[$0] }
        windows = pools.map { WindowCheck($0.parameters.limits) }
        quotaUse = pools.map { QuotaUseCheck($0.parameters.limits) }
        fairness = FairnessCheck(scenario, pools: pools.count)
        laneShares = LaneShareCheck(scenario)
    }

    mutating func fail(_ invariant: Invariant, _ message: String) {
        violationCount += 1
        guard violations.count < Self.kept else { return }
        violations.append(Violation(invariant: invariant, at: now, message: message))
    }

    private mutating func report(_ invariant: Invariant, _ messages: String?...) {
        for message in messages { if let message { fail(invariant, message) } }
    }

    /// - Returns: false when time stands still and the run must be given up.
    mutating func ticked(wake: Int64?, before: Int64, now: Int64) -> Bool {
        self.now = now
        idleTicks = now == before ? idleTicks + 1 : 0
        if let wake, wake <= now { fail(.timers, "ticked at \(now) and \(wake) is still due") }
        return idleTicks < Self.patience
    }

    mutating func admitted(_ live: LiveCall, charge: Int, at now: Int64) {
        self.now = now
        admitted += 1
        queued(live, charge: charge)
    }

    private mutating func queued(_ live: LiveCall, charge: Int) {
        fairness.queued(live, charge: charge)
        quotaUse[live.pool.index].queued(1)
        if live.pool.index == 0 { laneShares.queued(live.call.lane, 1) }
    }

    mutating func sent(_ live: LiveCall, former: LiveCall, _ dispatch: Dispatch, charge: Int, at now: Int64) {
        self.now = now
        if now >= live.deadlineAt { fail(.deadline, "call \(live.serial) was sent after its deadline") }
        if dispatch.attempt != live.attempts {
            fail(.endsOnce, "call \(live.serial) got attempt \(dispatch.attempt) after \(former.attempts)")
        }
        report(.window, windows[live.pool.index].sent(live.cost, at: now))
        if former.state == .waiting || former.pool != live.pool {
            // It came back after an attempt, or another key took it: the moment it entered that queue is not seen.
            if former.state == .queued { leave(former) }
            queued(live, charge: charge)
        }
        report(.fairness, fairness.sent(live, charge: charge))
        quotaUse[live.pool.index].queued(-1)
        quotaUse[live.pool.index].sent(live.cost)
        guard live.pool.index == 0 else { return }
        laneShares.queued(live.call.lane, -1)
        laneShares.sent(live.call.lane, charge: charge)
    }

    private mutating func leave(_ live: LiveCall) {
        fairness.left(live)
        quotaUse[live.pool.index].queued(-1)
        if live.pool.index == 0 { laneShares.queued(live.call.lane, -1) }
    }

    mutating func attemptEnded(_ live: LiveCall, _ exchange: ProviderExchange, at now: Int64) {
        self.now = now
        switch exchange.outcome {
        case .success(let used?): windows[live.pool.index].gaveBack(tokens: live.cost.tokens - used, at: now)
        case .transient(.notSent, _):
            windows[live.pool.index].gaveBack(requests: 1, tokens: live.cost.tokens, at: now)
        case .success, .refused, .transient, .rateLimited, .slowDown, .keyUnusable: break
        }
    }

    mutating func ended(_ live: LiveCall, at now: Int64) {
        self.now = now
        ended += 1
        if now > live.deadlineAt { fail(.deadline, "call \(live.serial) ended \(now - live.deadlineAt) µs late") }
        if live.state == .queued { leave(live) }
    }

    mutating func expired(_ live: LiveCall?, attempts: Int, inFlight: Bool, at now: Int64) {
        self.now = now
        guard let live else { return fail(.endsOnce, "a call that is gone expired") }
        if now < live.deadlineAt { fail(.deadline, "call \(live.serial) expired before its deadline") }
        if attempts != live.attempts || inFlight != (live.state == .sent) {
            fail(.endsOnce, "call \(live.serial) expired with \(attempts) attempts in \(live.state)")
        }
    }

    mutating func drained(_ pool: Int, inFlight: Int, queued: Int) {
        if inFlight != 0 || queued != 0 { fail(.drained, "pool \(pool): \(inFlight) in flight, \(queued) queued") }
    }

    mutating func closed(live: Int, unended: Int) {
        if live != 0 || unended != 0 { fail(.drained, "\(live) calls live in the engine, \(unended) outside") }
        if admitted != ended { fail(.endsOnce, "\(admitted) admitted, \(ended) ended") }
    }
}
