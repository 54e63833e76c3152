import SluiceConfig
import SluicePolicy

extension ScenarioReader {
    private static let trafficSettings = [
        "name", "tenants", "lane", "feature", "pool", "endpoint", "arrivals", "from", "until", "input_tokens",
        "output_tokens", "max_tokens", "bytes_per_token", "images", "deadline", "stream", "cancel_percent", "fallbacks",
    ]
    private static let triggers: [(word: String, trigger: FallbackTriggers)] = [
        ("breaker_open", .breakerOpen), ("quota_exhausted", .quotaExhausted),
        ("deadline_unmeetable", .deadlineUnmeetable), ("overloaded", .overloaded), ("error", .error),
    ]

    /// One entry of `traffic`; it becomes one source for each of its tenants.
    mutating func readTraffic(_ node: SettingNode) {
        let fields = node.fields(Self.trafficSettings)
        var plan = TrafficPlan()
        plan.name = fields["name"]?.name() ?? "traffic-\(scenario.traffic.count + 1)"
        if let lane = fields["lane"]?.choice(LaneNames.all), let index = LaneNames.all.firstIndex(of: lane) {
            plan.lane = PolicyLane.allCases[index]
        }
        plan.pool = pool(fields["pool"]) ?? 0
        plan.feature = fields["feature"].flatMap { index($0, scenario.features.map(\.name), "feature") }
        if let arrivals = fields.require("arrivals").flatMap(ArrivalReader.read) { plan.arrivals = arrivals }
        readTimes(fields, &plan)
        readSizes(fields, &plan)
        plan.fallbacks = (fields["fallbacks"]?.items(maximum: 8) ?? []).compactMap(fallback)
        guard let tenants = fields["tenants"] else {
            scenario.traffic.append(plan)
            return
        }
        for tenant in tenants.items(maximum: Scenario.bounds.tenants).flatMap(members) {
            plan.tenant = tenant
            scenario.traffic.append(plan)
        }
    }

    private func members(_ node: SettingNode) -> Range<Int> {
        guard let position = index(node, tenantGroups.map(\.name), "tenant") else { return 0..<0 }
        return tenantGroups[position].members
    }

    private func pool(_ node: SettingNode?) -> Int? {
        node.flatMap { index($0, scenario.pools.map(\.name), "pool") }
    }

    private func index(_ node: SettingNode, _ names: [String], _ kind: String) -> Int? {
        guard let name = node.name() else { return nil }
        if let index = names.firstIndex(of: name) { return index }
        node.report("there is no \(kind) \"\(name)\"", suggestion: "known: \(names.joined(separator: ", "))")
        return nil
    }

    private func readTimes(_ fields: SettingFields, _ plan: inout TrafficPlan) {
        if let from = fields["from"]?.microseconds(0...604_800_000) { plan.fromMicroseconds = from }
        if let node = fields["until"], let until = node.microseconds(1...604_800_000) {
            plan.untilMicroseconds = until
            if until <= plan.fromMicroseconds { node.report("ends before it begins", suggestion: "make it later") }
        }
        if let deadline = DistributionReader.time(fields["deadline"]) { plan.deadline = deadline }
        if let percent = fields["cancel_percent"]?.decimal(0...100) { plan.cancelPercent = percent }
    }

    private func readSizes(_ fields: SettingFields, _ plan: inout TrafficPlan) {
        if let input = DistributionReader.number(fields["input_tokens"]) { plan.inputTokens = input }
        if let output = DistributionReader.number(fields["output_tokens"]) { plan.outputTokens = output }
        plan.maxTokens = DistributionReader.number(fields["max_tokens"])
        if let ratio = fields["bytes_per_token"]?.decimal(0.1...1000) { plan.bytesPerToken = ratio }
        if let images = fields["images"]?.count(0...1000) { plan.images = images }
        if let stream = fields["stream"]?.flag() { plan.isStream = stream }
        if let endpoint = fields["endpoint"]?.count(0...15) { plan.endpoint = endpoint }
    }

    private func fallback(_ node: SettingNode) -> FallbackPlan? {
        let fields = node.fields(["pool", "on"])
        guard let node = fields.require("pool"), let pool = pool(node) else { return nil }
        guard let words = fields["on"]?.items(maximum: 8) else {
            return FallbackPlan(pool: pool, triggers: [.breakerOpen, .quotaExhausted, .deadlineUnmeetable, .error])
        }
        var triggers: FallbackTriggers = []
        for word in words.compactMap({ $0.choice(Self.triggers.map(\.word)) }) {
            if let known = Self.triggers.first(where: { $0.word == word }) { triggers.insert(known.trigger) }
        }
        return FallbackPlan(pool: pool, triggers: triggers)
    }
}

/// The `arrivals` of a source: `{poisson_per_minute: 60}` and its kin; exactly one kind.
enum ArrivalReader {
    private static let rate = 0.001...10_000_000.0

    static func read(_ node: SettingNode) -> ArrivalProcess? {
        let fields = node.fields([
            "poisson_per_minute", "per_minute", "bursts_at", "calls", "over", "on", "off", "callers", "think",
        ])
        let kinds = ["poisson_per_minute", "per_minute", "bursts_at", "callers"].filter { fields[$0] != nil }
        guard kinds.count == 1, let kind = kinds.first else {
            node.report(
                kinds.isEmpty ? "says nothing of when calls come" : "says \(kinds.joined(separator: " and "))",
                suggestion: "give one of poisson_per_minute, per_minute, bursts_at with calls, callers with think")
            return nil
        }
        switch kind {
        case "per_minute": return fields[kind]?.decimal(rate).map { .constant(perMinute: $0) }
        case "bursts_at": return bursts(fields)
        case "callers": return closed(fields)
        default: return poisson(fields)
        }
    }

    private static func poisson(_ fields: SettingFields) -> ArrivalProcess? {
        guard let perMinute = fields["poisson_per_minute"]?.decimal(rate) else { return nil }
        guard fields["on"] != nil || fields["off"] != nil else { return .poisson(perMinute: perMinute) }
        guard let on = fields.require("on")?.microseconds(1...86_400_000),
            let off = fields.require("off")?.microseconds(1...86_400_000)
        else { return nil }
        return .onOff(perMinute: perMinute, on: on, off: off)
    }

    private static func bursts(_ fields: SettingFields) -> ArrivalProcess? {
        let times = fields["bursts_at"]?.items(maximum: 1000).compactMap { $0.microseconds(0...604_800_000) } ?? []
        guard let calls = fields.require("calls")?.count(1...100_000) else { return nil }
        return .bursts(at: times.sorted(), calls: calls, overMicroseconds: fields["over"]?.microseconds() ?? 0)
    }

    private static func closed(_ fields: SettingFields) -> ArrivalProcess? {
        guard let callers = fields["callers"]?.count(1...10_000) else { return nil }
        return .closed(callers: callers, think: DistributionReader.time(fields["think"]) ?? .constant(0))
    }
}
