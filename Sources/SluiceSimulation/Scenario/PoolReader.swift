import SluiceConfig
import SluicePolicy

/// One entry of a scenario's `pools`.
enum PoolReader {
    private static let rates = 1...10_000_000_000

    static func read(_ node: SettingNode) -> PoolPlan? {
        let fields = node.fields([
            "name", "keys", "requests_per_minute", "tokens_per_minute", "images_per_minute", "requests_per_day",
            "tokens_per_day", "max_in_flight", "initial_in_flight", "queue_calls", "queue_size", "first_byte_timeout",
            "price",
            "provider",
        ])
        guard let name = fields.require("name")?.name() else { return nil }
        var pool = PoolPlan(name: name)
        if let keys = fields["keys"]?.count(1...Scenario.bounds.keys) { pool.keys = keys }
        readLimits(fields, &pool.parameters)
        if let timeout = fields["first_byte_timeout"]?.microseconds(1...3_600_000) {
            pool.firstByteTimeoutMicroseconds = timeout
        }
        let limits = pool.parameters.limits
        pool.provider.limits = ProviderLimits(
            requestsPerMinute: limits.requestsPerMinute, tokensPerMinute: limits.tokensPerMinute,
            imagesPerMinute: limits.imagesPerMinute)
        if let node = fields["price"] { pool.price = price(node) }
        if let node = fields["provider"] { ProviderReader.read(node, &pool.provider) }
        return pool
    }

    private static func readLimits(_ fields: SettingFields, _ pool: inout PoolParameters) {
        pool.limits.requestsPerMinute = fields["requests_per_minute"]?.count(rates)
        pool.limits.tokensPerMinute = fields["tokens_per_minute"]?.count(rates)
        pool.limits.imagesPerMinute = fields["images_per_minute"]?.count(rates)
        pool.limits.requestsPerDay = fields["requests_per_day"]?.count(rates)
        pool.limits.tokensPerDay = fields["tokens_per_day"]?.count(rates)
        if let most = fields["max_in_flight"]?.count(1...65_536) { pool.limits.maxInFlight = most }
        if let first = fields["initial_in_flight"]?.count(1...65_536) { pool.initialInFlight = first }
        if let calls = fields["queue_calls"]?.count(1...1_000_000) { pool.queueCalls = calls }
        if let size = fields["queue_size"]?.size(1024...(64 << 30)) { pool.queueBytes = size }
    }

    private static func price(_ node: SettingNode) -> Price {
        let fields = node.fields(["input_per_million", "output_per_million"])
        return Price(
            input: fields["input_per_million"]?.decimal(0...10_000) ?? 0,
            output: fields["output_per_million"]?.decimal(0...10_000) ?? 0)
    }
}

/// The `provider` of a pool: what it really is like, where that differs from what the agent is told.
enum ProviderReader {
    static func read(_ node: SettingNode, _ plan: inout ProviderPlan) {
        let fields = node.fields([
            "requests_per_minute", "tokens_per_minute", "images_per_minute", "round_trip", "first_token",
            "tokens_per_second", "pace_sigma", "output_when_unlimited", "left_percent", "schedule",
        ])
        readLimits(fields, &plan.limits)
        if let left = fields["left_percent"]?.count(0...100) { plan.leftPercent = left }
        if let time = fields["round_trip"]?.microseconds(0...60_000) { plan.roundTripMicroseconds = time }
        if let first = DistributionReader.time(fields["first_token"]) { plan.firstToken = first }
        if let pace = fields["tokens_per_second"]?.decimal(0.1...1_000_000) { plan.tokensPerSecond = pace }
        if let sigma = fields["pace_sigma"]?.decimal(0...3) { plan.paceSigma = sigma }
        if let output = fields["output_when_unlimited"]?.count(0...1_000_000) { plan.outputWhenUnlimited = output }
        let limits = plan.limits
        let changes = (fields["schedule"]?.items(maximum: 256) ?? []).compactMap { change($0, limits) }
        plan.schedule = changes.enumerated().sorted { ($0.element.from, $0.offset) < ($1.element.from, $1.offset) }
            .map(\.element)
    }

    /// The words by which a limit is set; `off` is no limit.
    private static func readLimits(_ fields: SettingFields, _ limits: inout ProviderLimits) {
        if let node = fields["requests_per_minute"] { limits.requestsPerMinute = limit(node) }
        if let node = fields["tokens_per_minute"] { limits.tokensPerMinute = limit(node) }
        if let node = fields["images_per_minute"] { limits.imagesPerMinute = limit(node) }
    }

    private static func limit(_ node: SettingNode) -> Int? {
        node.text == "off" ? nil : node.count(1...10_000_000_000)
    }

    private static let kinds = [
        "refuse", "error", "overloaded", "hang", "cut", "slow", "slow_down", "quota_exhausted", "limits",
        "other_hosts", "no_headers", "zero_remaining", "limit_lie",
    ]

    /// `usual`: the limits that hold where a change of limits does not name them.
    private static func change(_ node: SettingNode, _ usual: ProviderLimits) -> ProviderChange? {
        let fields = node.fields([
            "at", "for", "what", "percent", "factor", "requests_per_minute", "tokens_per_minute", "images_per_minute",
        ])
        guard let word = fields.require("what")?.choice(kinds) else { return nil }
        let from = fields["at"]?.microseconds(0...604_800_000) ?? 0
        let span = fields["for"]?.microseconds(1...604_800_000)
        let percent = fields["percent"]?.decimal(0...1000) ?? 100
        // The share of a lie is how large it is, not how often it is told.
        return ProviderChange(
            from: from, until: span.map { from + $0 } ?? .max, percent: word == "limit_lie" ? 100 : percent,
            kind: kind(word, fields, percent, usual))
    }

    private static func kind(
        _ word: String, _ fields: SettingFields, _ percent: Double, _ usual: ProviderLimits
    ) -> ProviderChange.Kind {
        switch word {
        case "refuse": return .refuse
        case "error": return .error
        case "overloaded": return .overloaded
        case "hang": return .hang
        case "cut": return .cut
        case "slow": return .slow(factor: fields.require("factor")?.decimal(0.01...1000) ?? 1)
        case "slow_down": return .slowDown
        case "quota_exhausted": return .quotaExhausted
        case "other_hosts":
            return .otherHosts(
                requestsPerMinute: fields["requests_per_minute"]?.count(0...10_000_000_000) ?? 0,
                tokensPerMinute: fields["tokens_per_minute"]?.count(0...10_000_000_000) ?? 0)
        case "no_headers": return .noHeaders
        case "zero_remaining": return .zeroRemaining
        case "limit_lie": return .limitLie(percent: Int(percent))
        default:
            var limits = usual
            readLimits(fields, &limits)
            return .limits(limits)
        }
    }
}
