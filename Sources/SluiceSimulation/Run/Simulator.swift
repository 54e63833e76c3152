import SluicePolicy

/// One run of the policy engine in virtual time: the shell's part (what carries out effects), the callers and the
/// providers, single-threaded, all of it drawn from one seed. Two runs of one scenario and seed are the same to the
/// last bit.
package struct Simulator {
    let scenario: Scenario
    let seed: UInt64
    var engine: PolicyEngine
    var agenda = Agenda()
    var now: Int64 = 0
    var sources: [TrafficSource]
    /// By `PoolID.index`.
    var providers: [ProviderModel] = []
    /// Index of the plan of each pool, by `PoolID.index`.
    var planOfPool: [Int] = []
    var groups: [GroupID] = []
    var tenants: [TenantID] = []
    var features: [FeatureID] = []
    var reservations: Reservations
    /// Looked up, never walked through: the order of a hash table differs between processes.
    var calls: [CallID: LiveCall] = [:]
    var recorder: Recorder
    var effects: [Effect] = []
    /// Time stands still: the engine wants to be woken again and again at one moment.
    private var isStuck = false

    /// Calls in one run at most.
    package static let maximumCalls = 20_000_000
    /// How often the queue's places and the samples of the time line are renewed.
    static let second: Int64 = 1_000_000

    /// - Parameter seed: instead of the scenario's own.
    package init(_ scenario: Scenario, seed: UInt64? = nil) {
        self.scenario = scenario
        self.seed = seed ?? scenario.seed
        let chosen = self.seed
        engine = PolicyEngine(scenario.policy)
        sources = scenario.traffic.enumerated().map {
            TrafficSource($0.element, index: $0.offset, seed: chosen, duration: scenario.durationMicroseconds)
        }
        reservations = Reservations(pools: scenario.pools.count, tenants: scenario.tenants.count)
        recorder = Recorder(scenario)
        build()
    }

    private mutating func build() {
        let start = MonotonicTime(microseconds: 0)
        for (index, plan) in scenario.pools.enumerated() {
            var members: [PoolID] = []
            for _ in 0..<plan.keys {
                members.append(engine.addPool(plan.parameters, at: start))
                providers.append(ProviderModel(plan.provider))
                planOfPool.append(index)
            }
            groups.append(engine.addGroup(members))
        }
        tenants = scenario.tenants.map { engine.addTenant($0.parameters, at: start) }
        features = scenario.features.map { engine.addFeature($0.parameters, at: start) }
        for index in sources.indices {
            if let time = sources[index].nextArrival() { agenda.add(.arrival(source: index), at: time) }
            for time in sources[index].callerStarts() where time < scenario.durationMicroseconds {
                agenda.add(.caller(source: index), at: time)
            }
        }
        if let first = scenario.recorded.first { agenda.add(.recorded(0), at: first.at) }
        agenda.add(.second, at: Self.second)
    }

    /// Runs to the end: until the last call that arrived within the duration has ended.
    package mutating func run() -> RunReport {
        while step() {}
        recorder.close(at: now, live: engine.liveCalls, unended: calls.count)
        checkEnd()
        return RunReport(scenario: scenario, seed: seed, recorder: recorder, endedAt: now)
    }

    private mutating func step() -> Bool {
        let wake = engine.nextWake?.microseconds ?? .max
        let next = agenda.firstTime ?? .max
        // Timers that keep the engine's own books go on for ever; with nobody left they end nothing.
        guard min(wake, next) < .max, !calls.isEmpty || next < .max, !isStuck else { return false }
        effects.removeAll(keepingCapacity: true)
        if wake <= next {
            let before = now
            now = max(now, wake)
            engine.tick(at: time, into: &effects)
            isStuck = !recorder.ledger.ticked(wake: engine.nextWake?.microseconds, before: before, now: now)
        } else if let event = agenda.popFirst() {
            now = next
            handle(event)
        }
        perform()
        return true
    }

    var time: MonotonicTime { MonotonicTime(microseconds: now) }

    private mutating func handle(_ event: Agenda.Event) {
        switch event {
        case .arrival(let source):
            arrive(sources[source].makeCall())
            if let next = sources[source].nextArrival() { agenda.add(.arrival(source: source), at: next) }
        case .caller(let source): arrive(sources[source].makeCall())
        case .recorded(let index):
            arrive(scenario.recorded[index].workload(index))
            let next = index + 1
            if next < scenario.recorded.count { agenda.add(.recorded(next), at: scenario.recorded[next].at) }
        case .head(let id, let attempt): head(id, attempt)
        case .end(let id, let attempt): end(id, attempt)
        case .cancel(let id): cancel(id)
        case .second: everySecond()
        }
    }

    private mutating func everySecond() {
        if !calls.isEmpty { engine.refreshQueued(at: time, into: &effects) }
        for index in providers.indices {
            recorder.sample(index, engine.snapshot(PoolID(index: index), at: time), at: now)
        }
        guard now < scenario.durationMicroseconds || !calls.isEmpty else { return }
        agenda.add(.second, at: now + Self.second)
    }
}
