package import SluiceConfig
import SluicePolicy

extension Scenario {
    /// A recorded trace under a configuration: arrivals, sizes and times of service are the trace's, limits and policy
    /// are the configuration's, and the engine decides what waits. The provider grants what is configured.
    ///
    /// The replay ends where the trace does: who is still there then goes away, as when the agent was stopped.
    ///
    /// - Parameter leftPercent: of each provider's minute, what was left when the trace began, 0…100. No trace knows
    ///   it, and it matters for the first minutes.
    ///
    /// A call that was never answered has no time of service; it is given that of an answered call of the same pool.
    ///
    /// - Throws: ``TraceProblem`` for the first line that cannot be read.
    package init(
        trace bytes: [UInt8], file: String, configuration: Configuration, leftPercent: Int = 100
    ) throws(TraceProblem) {
        self.init(configuration)
        let lines = try TraceFile.parse(bytes, file: file)
        name = "replay"
        about = "\(lines.count) recorded calls"
        let end = lines.map(\.end).max() ?? 0
        durationMicroseconds = max(1_000_000, end)
        var builder = ReplayBuilder(scenario: self, configuration: configuration, end: end)
        for line in lines { builder.note(line) }
        for (number, line) in lines.enumerated() { builder.add(line, number) }
        self = builder.scenario
        for index in pools.indices { pools[index].provider.leftPercent = leftPercent }
    }
}

extension FallbackTriggers {
    fileprivate init(_ words: [FallbackTrigger]) {
        self = []
        for word in words {
            switch word {
            case .breakerOpen: insert(.breakerOpen)
            case .quotaExhausted: insert(.quotaExhausted)
            case .deadlineUnmeetable: insert(.deadlineUnmeetable)
            case .overloaded: insert(.overloaded)
            case .error: insert(.error)
            }
        }
    }
}

private struct ReplayBuilder {
    var scenario: Scenario
    let configuration: Configuration
    /// When the trace ends.
    private let end: Int64
    private var endpoints: [String] = []
    private var tenants: [String: Int] = [:]
    /// Answered calls by pool: what stands in for those that were not.
    private var answered: [[(service: MeasuredService, output: Int)]] = []

    init(scenario: Scenario, configuration: Configuration, end: Int64) {
        self.scenario = scenario
        self.end = end
        self.configuration = configuration
    }

    mutating func note(_ line: TraceLine) {
        let pool = scenario.poolIndex(line.pool)
        while answered.count < scenario.pools.count { answered.append([]) }
        guard let service = Self.service(line) else { return }
        answered[pool].append((service, line.outputTokens ?? 0))
    }

    /// Measured where one attempt brought the answer; more of them are not told apart in a trace.
    private static func service(_ line: TraceLine) -> MeasuredService? {
        guard line.wasServed, line.attempts == 1, let total = line.upstream else { return nil }
        return MeasuredService(total: max(1, total), firstByte: min(max(1, line.firstByte ?? total), max(1, total)))
    }

    /// The time of a call that was not answered: another's, but longer than it had been with the provider when it
    /// ended. Answered calls alone would be too short: of those under way when a run ends the long ones are more.
    private static func atLeast(_ line: TraceLine, _ stand: MeasuredService?) -> MeasuredService {
        let stand = stand ?? MeasuredService(total: 1_000_000, firstByte: 500_000)
        guard let elapsed = line.upstream, stand.total <= elapsed else { return stand }
        return MeasuredService(total: elapsed + 1, firstByte: min(stand.firstByte, elapsed))
    }

    mutating func add(_ line: TraceLine, _ number: Int) {
        let pool = scenario.poolIndex(line.pool)
        let stand = standIn(pool, number)
        let output = line.outputTokens ?? stand?.output ?? 0
        let input = line.inputTokens ?? max(1, line.reservedTokens - (line.maxOutput ?? output))
        // A moment after the end: who was answered at the very end is answered again.
        let goesAt = line.outcome == "caller_cancelled" ? line.end : end + 1
        scenario.recorded.append(
            RecordedCall(
                at: line.at, tenant: tenant(line.tenant), feature: feature(line.feature), pool: pool, lane: line.lane,
                endpoint: endpoint(line.endpoint), bytes: line.bytes, reservedTokens: line.reservedTokens,
                maxTokens: line.maxOutput, isStream: line.isStream, deadline: Int64(line.deadlineMS) * 1000,
                inputTokens: input, outputTokens: output,
                service: Self.service(line) ?? Self.atLeast(line, stand?.service),
                cancelAfter: max(1, goesAt - line.at),
                fallbacks: fallbacks(line)))
    }

    private func standIn(_ pool: Int, _ number: Int) -> (service: MeasuredService, output: Int)? {
        let known = answered[pool]
        guard !known.isEmpty else { return nil }
        var random = SeededRandom(seed: 0, path: 6, UInt64(number))
        return known[random.index(below: known.count)]
    }

    private mutating func tenant(_ name: String?) -> Int? {
        guard let name else { return nil }
        if let known = tenants[name] { return known }
        guard scenario.tenants.count < Scenario.bounds.tenants else { return nil }
        let parameters = TenantParameters(configuration.plan(forTenant: name))
        scenario.tenants.append(TenantPlan(name: name, parameters: parameters))
        tenants[name] = scenario.tenants.count - 1
        return scenario.tenants.count - 1
    }

    private func feature(_ name: String?) -> Int? {
        name.flatMap { name in scenario.features.firstIndex { $0.name == name } }
    }

    private mutating func endpoint(_ path: String) -> Int {
        if let known = endpoints.firstIndex(of: path) { return known }
        guard endpoints.count < 16 else { return 15 }
        endpoints.append(path)
        return endpoints.count - 1
    }

    private mutating func fallbacks(_ line: TraceLine) -> [FallbackPlan] {
        guard let model = line.model else { return [] }
        return configuration.fallbacks(feature: line.feature, model: model).compactMap { step in
            guard let pool = configuration.pool(forModel: step.model) else { return nil }
            return FallbackPlan(pool: scenario.poolIndex(pool.name), triggers: FallbackTriggers(step.on))
        }
    }
}
