package import SluiceConfig
import SluicePolicy

extension Scenario {
    /// Reads a scenario file.
    ///
    /// - Throws: `InvalidConfiguration` with every problem: file and line, path, what is wrong and its cure.
    package static func load(path: String) throws(InvalidConfiguration) -> Scenario {
        try SettingsDocument.load(path: path) { ScenarioReader().read($0) }
    }

    /// Reads a scenario's text; `file` is the name used in messages.
    ///
    /// - Throws: `InvalidConfiguration` with every problem.
    package static func parse(_ text: String, file: String) throws(InvalidConfiguration) -> Scenario {
        try SettingsDocument.parse(Array(text.utf8), file: file) { ScenarioReader().read($0) }
    }
}

/// From a document to a ``Scenario``. Pools, tenants and features are read first, for traffic refers to them by name.
struct ScenarioReader {
    var scenario = Scenario()
    /// Indices of the tenants of each name as the file writes it.
    var tenantGroups: [(name: String, members: Range<Int>)] = []

    static let settings = [
        "name", "about", "duration", "warm_up", "seed", "pools", "lanes", "breaker", "retries", "tenants", "features",
        "traffic",
    ]

    func read(_ node: SettingNode) -> Scenario {
        var reader = self
        reader.readAll(node.fields(Self.settings))
        return reader.scenario
    }

    private mutating func readAll(_ fields: SettingFields) {
        readHead(fields)
        PolicyReader.lanes(fields["lanes"], into: &scenario.policy)
        PolicyReader.breaker(fields["breaker"], into: &scenario.policy)
        PolicyReader.retries(fields["retries"], into: &scenario.policy)
        let pools = fields.require("pools")
        for node in pools?.items(maximum: Scenario.bounds.pools) ?? [] {
            guard let pool = PoolReader.read(node) else { continue }
            checkName(pool.name, scenario.pools.map(\.name), node)
            scenario.pools.append(pool)
        }
        if scenario.pools.isEmpty { pools?.report("there is no pool", suggestion: "add one with a name") }
        for node in fields["tenants"]?.items(maximum: Scenario.bounds.tenants) ?? [] { readTenants(node) }
        for node in fields["features"]?.items(maximum: Scenario.bounds.features) ?? [] { readFeature(node) }
        let traffic = fields.require("traffic")
        for node in traffic?.items(maximum: Scenario.bounds.sources) ?? [] { readTraffic(node) }
        if scenario.traffic.isEmpty { traffic?.report("there is no traffic", suggestion: "add a source of calls") }
        if let traffic, scenario.traffic.count > Scenario.bounds.sources {
            traffic.report("\(scenario.traffic.count) sources are too many", suggestion: "at most 16384")
        }
    }

    private mutating func readHead(_ fields: SettingFields) {
        if let name = fields["name"]?.name() { scenario.name = name }
        if let about = fields["about"]?.prose() { scenario.about = about }
        if let time = fields["duration"]?.microseconds(1_000...604_800_000) { scenario.durationMicroseconds = time }
        if let seed = fields["seed"]?.count(0...Int.max) { scenario.seed = UInt64(seed) }
        guard let node = fields["warm_up"], let warmUp = node.microseconds(0...604_800_000) else { return }
        scenario.warmUpMicroseconds = warmUp
        guard warmUp >= scenario.durationMicroseconds else { return }
        node.report("nothing is left after the warm-up", suggestion: "make it shorter than duration")
    }

    private func checkName(_ name: String, _ earlier: [String], _ node: SettingNode) {
        guard earlier.contains(name) else { return }
        node.report("there is a \"\(name)\" already", suggestion: "give each its own name")
    }

    private mutating func readTenants(_ node: SettingNode) {
        let fields = node.fields([
            "name", "count", "weight", "requests_per_minute", "tokens_per_minute", "max_in_flight", "queue_calls",
        ])
        guard let name = fields.require("name")?.name() else { return }
        checkName(name, tenantGroups.map(\.name), node)
        var parameters = TenantParameters()
        if let weight = fields["weight"]?.count(1...1000) { parameters.weight = weight }
        parameters.requestsPerMinute = fields["requests_per_minute"]?.count(1...1_000_000_000)
        parameters.tokensPerMinute = fields["tokens_per_minute"]?.count(1...10_000_000_000)
        parameters.maxInFlight = fields["max_in_flight"]?.count(1...65_536)
        parameters.queueCalls = fields["queue_calls"]?.count(1...1_000_000)
        let count = fields["count"]?.count(1...Scenario.bounds.tenants) ?? 1
        guard scenario.tenants.count + count <= Scenario.bounds.tenants else {
            return node.report("more than \(Scenario.bounds.tenants) tenants", suggestion: "lower count")
        }
        let first = scenario.tenants.count
        for number in 1...count {
            let own = fields["count"] == nil ? name : "\(name)-\(number)"
            scenario.tenants.append(TenantPlan(name: own, parameters: parameters))
        }
        tenantGroups.append((name, first..<first + count))
    }

    private mutating func readFeature(_ node: SettingNode) {
        let fields = node.fields(["name", "max_in_flight"])
        guard let name = fields.require("name")?.name() else { return }
        checkName(name, scenario.features.map(\.name), node)
        var parameters = FeatureParameters()
        parameters.maxInFlight = fields["max_in_flight"]?.count(1...65_536)
        scenario.features.append(FeaturePlan(name: name, parameters: parameters))
    }
}
