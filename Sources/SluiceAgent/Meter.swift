import SluiceOpenAI
import SluicePolicy
import SluiceTelemetry
import SluiceUpstream
import SluiceWire

/// Counts what happens, with every series of the hot path looked up once and kept. Confined to the event loop.
final class Meter {
    let metrics: AgentMetrics
    private let clientReceived: Counter
    private let clientSent: Counter
    private let upstreamReceived: Counter
    private let upstreamSent: Counter
    private let inputErrors: [Histogram]

    init(_ metrics: AgentMetrics) {
        self.metrics = metrics
        clientReceived = metrics.receivedBytes.labelled("client")
        clientSent = metrics.sentBytes.labelled("client")
        upstreamReceived = metrics.receivedBytes.labelled("upstream")
        upstreamSent = metrics.sentBytes.labelled("upstream")
        inputErrors = CallEstimate.InputBasis.allCases.map { metrics.tokenEstimateError.labelled($0.rawValue) }
        metrics.lastReloadSuccess.set(Double(WallClock.nowMS) / 1000)
    }

    // MARK: Connections

    func received(bytes: Int) { clientReceived.increment(by: bytes) }
    func sent(bytes: Int) { clientSent.increment(by: bytes) }
    func rejected(_ code: ErrorCode) { metrics.framesRejected.labelled(code.rawValue).increment() }

    func connectionOpened() {
        metrics.connections.add(1)
        metrics.connectionsAccepted.increment()
    }

    func connectionClosed() { metrics.connections.add(-1) }
    func connectionRefused(_ limit: String) { metrics.connectionsRefused.labelled(limit).increment() }

    func reloaded(success: Bool) {
        metrics.reloads.labelled(success ? "success" : "failure").increment()
        if success { metrics.lastReloadSuccess.set(Double(WallClock.nowMS) / 1000) }
    }

    // MARK: Calls

    /// A call that reached no pool's queue.
    func refused(endpoint: Endpoint, lane: Lane, _ code: ErrorCode) {
        metrics.calls.labelled("none", lane.rawValue, endpoint.rawValue, code.rawValue).increment()
    }

    func callEnded(_ call: CallContext, _ end: CallEnd, microseconds: Int64) {
        let meter = call.pool.meter
        let lane = call.plan.lane
        meter.calls(lane, call.plan.endpoint, end.outcome).increment()
        meter.durations[lane.index].observe(seconds: Double(microseconds) / 1e6)
        guard let usage = end.usage ?? call.stream?.usage else { return }
        meter.inputTokens.increment(by: usage.inputTokens)
        meter.outputTokens.increment(by: usage.outputTokens)
        if let cached = usage.cachedTokens { meter.cachedTokens.increment(by: cached) }
    }

    func exchange(_ end: UpstreamEnd) {
        upstreamReceived.increment(by: Int(max(0, end.bytesReceived)))
        upstreamSent.increment(by: Int(max(0, end.bytesSent)))
    }

    /// How far an estimate was from what the provider counted.
    func estimated(_ estimate: CallEstimate, _ usage: WireUsage) {
        guard usage.inputTokens > 0 else { return }
        let error = abs(Double(estimate.inputTokens - usage.inputTokens)) / Double(usage.inputTokens)
        inputErrors[estimate.inputBasis.index].observe(seconds: error)
    }

    /// Brings the gauges up to date and writes everything out.
    func exposition(_ pools: [PoolRuntime], _ policy: PolicyEngine, at now: MonotonicTime) -> String {
        var bytes = 0
        for pool in pools {
            let snapshot = policy.snapshot(pool.id, at: now)
            gauge(pool.name, snapshot, at: now)
            bytes += snapshot.queuedBytes
        }
        metrics.queueBytes.set(Double(bytes))
        return String(decoding: metrics.registry.exposition(), as: UTF8.self)
    }

    private func gauge(_ pool: String, _ snapshot: PoolSnapshot, at now: MonotonicTime) {
        metrics.callsInFlight.labelled(pool).set(Double(snapshot.inFlight))
        for lane in Lane.allCases {
            metrics.queueDepth.labelled(pool, lane.rawValue).set(Double(snapshot.queuedByLane[lane.index]))
        }
        metrics.concurrencyLimit.labelled(pool).set(Double(snapshot.guardLimit))
        let frozen = snapshot.frozenUntil.map { max(0, $0.microseconds(since: now)) } ?? 0
        metrics.poolFrozen.labelled(pool).set(Double(frozen) / 1e6)
        metrics.foreignUse.labelled(pool, "requests").set(Double(snapshot.foreignRequestsPerMinute))
        metrics.foreignUse.labelled(pool, "tokens").set(Double(snapshot.foreignTokensPerMinute))
        for breaker in snapshot.breakers {
            let endpoint = Endpoint.allCases[breaker.endpoint].rawValue
            metrics.breakerOpen.labelled(pool, endpoint).set(breaker.standing.openness)
        }
    }
}

extension BreakerStanding {
    /// As the metric has it.
    fileprivate var openness: Double {
        switch self {
        case .closed, .forcedClosed: 0
        case .halfOpen: 0.5
        case .open, .forcedOpen: 1
        }
    }
}

extension CallEstimate.InputBasis {
    /// Its place in `allCases`.
    fileprivate var index: Int {
        switch self {
        case .tenant: 0
        case .model: 1
        case .documented: 2
        }
    }
}

/// One pool's series.
final class PoolMeter {
    let durations: [Histogram]
    let waits: [Histogram]
    let firstChunks: [Histogram]
    let upstreamDuration: Histogram
    let inputTokens: Counter
    let outputTokens: Counter
    let cachedTokens: Counter
    let rateLimited: Counter
    private let name: String
    private let metrics: AgentMetrics
    private let attemptsOK: Counter
    private var successes: [Counter?]

    init(_ name: String, _ metrics: AgentMetrics) {
        self.name = name
        self.metrics = metrics
        durations = Lane.allCases.map { metrics.callDuration.labelled(name, $0.rawValue) }
        waits = Lane.allCases.map { metrics.queueWait.labelled(name, $0.rawValue) }
        firstChunks = Lane.allCases.map { metrics.timeToFirstChunk.labelled(name, $0.rawValue) }
        upstreamDuration = metrics.upstreamDuration.labelled(name)
        inputTokens = metrics.tokens.labelled(name, "input")
        outputTokens = metrics.tokens.labelled(name, "output")
        cachedTokens = metrics.tokens.labelled(name, "cached")
        rateLimited = metrics.upstreamRateLimited.labelled(name)
        attemptsOK = metrics.upstreamAttempts.labelled(name, "ok")
        successes = Array(repeating: nil, count: Lane.allCases.count * Endpoint.allCases.count)
    }

    func calls(_ lane: Lane, _ endpoint: Endpoint, _ outcome: String) -> Counter {
        guard outcome == "ok" else {
            return metrics.calls.labelled(name, lane.rawValue, endpoint.rawValue, outcome)
        }
        let index = lane.index * Endpoint.allCases.count + endpoint.index
        if let known = successes[index] { return known }
        let made = metrics.calls.labelled(name, lane.rawValue, endpoint.rawValue, outcome)
        successes[index] = made
        return made
    }

    func attempt(_ label: String, microseconds: Int64, isRateLimit: Bool) {
        let attempts = label == "ok" ? attemptsOK : metrics.upstreamAttempts.labelled(name, label)
        attempts.increment()
        upstreamDuration.observe(seconds: Double(microseconds) / 1e6)
        if isRateLimit { rateLimited.increment() }
    }

    func fellBack(_ reason: FallbackReason) { metrics.fallbacks.labelled(name, reason.rawValue).increment() }

    func retried(_ code: ErrorCode) { metrics.retries.labelled(name, code.rawValue).increment() }

    func waited(_ lane: Lane, microseconds: Int64) {
        waits[lane.index].observe(seconds: Double(microseconds) / 1e6)
    }

    func firstChunk(_ lane: Lane, microseconds: Int64) {
        firstChunks[lane.index].observe(seconds: Double(microseconds) / 1e6)
    }
}

extension Lane {
    /// Its place in `allCases`.
    var index: Int {
        switch self {
        case .interactive: 0
        case .normal: 1
        case .batch: 2
        case .backfill: 3
        }
    }
}

extension Endpoint {
    /// Its place in `allCases`.
    var index: Int {
        switch self {
        case .chatCompletions: 0
        case .completions: 1
        case .responses: 2
        case .embeddings: 3
        case .moderations: 4
        case .images: 5
        case .models: 6
        case .other: 7
        }
    }
}

extension CallEnd {
    /// The usage the provider reported, where it did.
    var usage: WireUsage? {
        switch self {
        case .answer(let summary, _), .stream(let summary): summary.usage
        case .failure: nil
        }
    }
}
