/// Section `breaker`: when calls to an endpoint of a pool stop for a while because it fails.
package struct BreakerSettings: Equatable, Sendable {
    /// Whether breakers open at all.
    package internal(set) var enabled = true
    /// The time over which attempts are counted.
    package internal(set) var window = Duration.seconds(60)
    /// Attempts in the window below which the breaker stays closed.
    package internal(set) var minimumCalls = 20
    /// Failed and slow attempts, in per cent, from which on the breaker opens.
    package internal(set) var failurePercent = 50
    /// The time to a stream's beginning, or to a plain answer's end, from which on an attempt counts as slow; nil: none
    /// does.
    package internal(set) var slowCall: Duration? = .seconds(60)
    /// How long the breaker stays open at first; doubles with every failed probe.
    package internal(set) var open = Duration.seconds(5)
    /// The longest time that it stays open.
    package internal(set) var openCap = Duration.seconds(60)

    /// The defaults.
    package init() {}
}

extension BreakerSettings: ConfigurationSection {
    static let fields: [Field<BreakerSettings>] = [
        .value("enabled", \.enabled, .flag, .live, "Whether breakers open at all"),
        .value(
            "window", \.window, .duration(.seconds(1) ... .seconds(3600)), .live, "Time over which attempts are counted"
        ),
        .value(
            "minimum_calls", \.minimumCalls, .count(1...100_000), .live,
            "Attempts in the window below which the breaker stays closed"),
        .value(
            "failure_percent", \.failurePercent, .count(1...100), .live,
            "Failed and slow attempts, in per cent, from which on the breaker opens"),
        .value(
            "slow_call", \.slowCall, .durationOrOff(.milliseconds(1) ... .seconds(86400)), .live,
            "Time to a stream's beginning, or a plain answer's end, that counts as slow"),
        .value(
            "open", \.open, .duration(.milliseconds(100) ... .seconds(3600)), .live,
            "How long the breaker stays open at first; doubles with every failed probe"),
        .value(
            "open_cap", \.openCap, .duration(.milliseconds(100) ... .seconds(3600)), .live,
            "Longest time that the breaker stays open"),
    ]

    func check(_ place: SectionPlace) {
        guard open > openCap, place.has("open") || place.has("open_cap") else { return }
        place.report(
            place.has("open") ? "open" : "open_cap",
            Fault(
                "open (\(DurationFormat.write(open))) is longer than open_cap (\(DurationFormat.write(openCap)))",
                suggestion: "raise open_cap or lower open"))
    }
}
