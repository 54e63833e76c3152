import Logging
import NIOCore
import SluiceConfig
import SluiceHost
import SluiceOpenAI
import SluicePolicy
import SluiceUpstream
import SluiceWire

/// The one owner of all policy state: sessions and the upstream engine feed it events, it asks the pure core and
/// performs the effects. Everything here runs on one event loop, so nothing is locked and nothing suspends.
final class Coordinator {
    let loop: any EventLoop
    let metrics: Meter
    let logger: Logger
    let journal: CallJournal
    let instance: String
    private(set) var configuration: Configuration
    private(set) var isDraining = false
    private(set) var sessions: [Int: Session] = [:]

    var policy: PolicyEngine
    var pools: PoolRegistry
    var upstream: UpstreamEngine?
    /// Live calls by the core's name and, while an attempt runs, by the upstream's.
    var callsByID: [CallID: CallContext] = [:]
    var callsByToken: [UInt64: CallContext] = [:]
    /// Streams that have data and no credit, for the sweep that ends those stuck too long.
    var stalled: [CallID: CallContext] = [:]
    private(set) var pipeline: CallPipeline
    var tenants: TenantDirectory
    var features: FeatureDirectory
    var chains: FallbackChains
    let estimates = EstimateTable()
    var trace: TraceRecorder?
    /// The settings that ``trace`` was made by.
    var traced = TraceSettings()
    /// The hook of degraded answers: what a call gets that was refused before anything was sent for it, such as before
    /// an open breaker; nil leaves it its error.
    var degradedAnswer: ((CallPlan, ErrorCode) -> [UInt8]?)?
    /// Open connections of the stats and admin sockets.
    var httpConnections = 0
    /// Reads the configuration anew and puts it in force; answers with the problems. Set while the agent runs.
    var onReloadRequest: (() -> [String])?
    let startedAt = Coordinator.now

    private var connectionsByUID: [UInt32: Int] = [:]
    private var dirty: [Session] = []
    private var nextSession = 0
    private var nextToken: UInt64 = 0
    private var wake: (at: MonotonicTime, task: Scheduled<Void>)?
    private var random: Jumble

    init(
        loop: any EventLoop, configuration: Configuration, routes: [String: [UpstreamRoute]], metrics: Meter,
        logger: Logger
    ) {
        self.loop = loop
        self.configuration = configuration
        self.metrics = metrics
        self.logger = logger
        journal = CallJournal(logger)
        var random = SystemRandomNumberGenerator()
        instance = String(random.next(), radix: 16)
        self.random = Jumble(seed: random.next())
        let now = Self.now
        var policy = PolicyEngine(PolicyParameters(configuration))
        pools = PoolRegistry(configuration, routes: routes, metrics: metrics.metrics)
        pools.prepare(engine: &policy, at: now)
        tenants = TenantDirectory(configuration, engine: &policy, at: now)
        features = FeatureDirectory(configuration)
        chains = FallbackChains(configuration)
        pipeline = CallPipeline(configuration)
        self.policy = policy
    }

    static var now: MonotonicTime {
        MonotonicTime(microseconds: Int64(NIODeadline.now().uptimeNanoseconds / 1000))
    }

    func newToken() -> UInt64 {
        nextToken += 1
        return nextToken
    }

    func newRandom() -> UInt64 { random.next() }

    func greeting(for session: Session) -> AgentGreeting {
        AgentGreeting(
            agent: "sluice/\(SluiceVersion.current)", instance: instance, maxFrame: configuration.limits.frameSize,
            maxInflight: configuration.limits.inflightPerConnection, streamCredit: configuration.limits.streamCredit,
            identity: session.identity)
    }

    // MARK: Output and time

    func markDirty(_ session: Session) { dirty.append(session) }

    /// Sends what this turn produced and sets the timer for what time will bring.
    func flushDirty() {
        while let session = dirty.popLast() { session.flush() }
        armTimer()
    }

    private func armTimer() {
        guard let next = policy.nextWake else { return }
        // A timer that fires too early only looks and sets the next one; moving it for every call would cost more.
        if let wake, wake.at <= next { return }
        wake?.task.cancel()
        let delay = max(0, next.microseconds(since: Self.now))
        let task = loop.assumeIsolated().scheduleTask(in: .microseconds(delay)) { self.timerFired() }
        wake = (next, task)
    }

    private func timerFired() {
        wake = nil
        var effects: [Effect] = []
        policy.tick(at: Self.now, into: &effects)
        perform(effects)
        flushDirty()
    }

    // MARK: Sessions

    /// Lets a connection in.
    ///
    /// - Throws: ``WireError`` `caller_too_many_connections`.
    func admitSession(_ credentials: PeerCredentials?) throws(WireError) -> Session {
        let limits = configuration.limits
        guard sessions.count < limits.connections else {
            throw tooManyConnections("connections", limits.connections)
        }
        if let uid = credentials?.uid, connectionsByUID[uid, default: 0] >= limits.connectionsPerUID {
            throw tooManyConnections("connections_per_uid", limits.connectionsPerUID)
        }
        nextSession += 1
        let session = Session(number: nextSession, credentials: credentials, coordinator: self)
        sessions[nextSession] = session
        if let uid = credentials?.uid { connectionsByUID[uid, default: 0] += 1 }
        metrics.connectionOpened()
        return session
    }

    private func tooManyConnections(_ limit: String, _ bound: Int) -> WireError {
        metrics.connectionRefused(limit)
        return WireError(
            .callerTooManyConnections, "\(bound) connections are open already (limits.\(limit)); reuse one",
            limit: limit)
    }

    func sessionEnded(_ session: Session) {
        guard sessions.removeValue(forKey: session.number) != nil else { return }
        metrics.connectionClosed()
        if let uid = session.credentials?.uid {
            let left = connectionsByUID[uid, default: 1] - 1
            connectionsByUID[uid] = left > 0 ? left : nil
        }
        endTogether(Array(session.calls.values), disconnected)
        flushDirty()
    }

    // MARK: Reload and drain

    func reload(_ configuration: Configuration, routes: [String: [UpstreamRoute]]) {
        self.configuration = configuration
        pipeline = CallPipeline(configuration)
        chains = FallbackChains(configuration)
        var effects: [Effect] = []
        let now = Self.now
        let old = pools.all.map(\.route.profile)
        policy.reconfigure(PolicyParameters(configuration), at: now, into: &effects)
        pools.reload(configuration, routes: routes, engine: &policy, at: now, into: &effects)
        tenants.reload(configuration, engine: &policy, at: now, into: &effects)
        features.reload(configuration, engine: &policy, at: now, into: &effects)
        let withdrawn = pools.withdrawn
        let waiting = callsByID.values.filter { call in
            guard call.token == nil, let id = call.callID, let pool = policy.pool(of: id) else { return false }
            return withdrawn.contains { $0.id == pool }
        }
        endTogether(waiting) { call in
            end(call, WireError(.policyNoCredentials, "the key this call waited for was removed"))
        }
        applyTrace()
        for profile in old where !pools.all.contains(where: { $0.route.profile === profile }) {
            upstream?.retire(profile)
        }
        perform(effects)
        flushDirty()
    }

    /// Nil when no reload is possible now; else its problems, none when it was applied.
    func requestReload() -> [String]? { isDraining ? nil : onReloadRequest?() }

    /// Refuses new calls from now on and says so to every client.
    func beginDrain() {
        isDraining = true
        for session in sessions.values {
            // Who has not said hello gets its goaway right after the answer to that.
            if session.isGreeted { sendGoaway(to: session) }
            if session.calls.isEmpty { session.closeAfterFlush() }
        }
        flushDirty()
    }

    func sendGoaway(to session: Session) {
        session.send { $0.goaway(reason: "draining", drainMS: configuration.agent.drainTimeout.wholeMilliseconds) }
    }

    /// Ends what is left, with an honest word on what it may have cost.
    func endDrain() {
        endTogether(Array(callsByID.values)) { call in
            end(call, WireError(.policyDraining, "the agent stopped before the call was finished"))
        }
        flushDirty()
        for session in sessions.values { session.closeAfterFlush() }
        flushDirty()
    }

    /// Tells those who wait what has changed.
    func refreshQueued() {
        guard load.queued > 0 else { return }
        var effects: [Effect] = []
        policy.refreshQueued(at: Self.now, into: &effects)
        perform(effects)
        flushDirty()
    }

    /// Ends streams whose consumer granted nothing for too long.
    func sweepStalled() {
        let now = Self.now
        let limit = configuration.limits.slowConsumerTimeout.wholeNanoseconds / 1000
        for call in stalled.values {
            guard let since = call.stream?.stalledSince, now.microseconds(since: since) >= limit else { continue }
            let error = WireError(
                .callerSlowConsumer,
                "the stream had data waiting and got no grant for \(limit / 1_000_000) s",
                limit: "slow_consumer_timeout")
            end(call, error)
        }
        flushDirty()
    }
}
