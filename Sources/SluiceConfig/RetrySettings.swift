/// Section `retries`: how failed attempts are repeated.
package struct RetrySettings: Equatable, Sendable {
    /// Attempts of one call, the first included.
    package internal(set) var attempts = 3
    /// Pause before the first repetition; doubles with every further one.
    package internal(set) var base = Duration.milliseconds(200)
    /// Longest pause.
    package internal(set) var cap = Duration.seconds(5)
    /// Repetitions allowed for every 100 successes.
    package internal(set) var budgetPercent = 20
    /// Repetitions allowed each second besides.
    package internal(set) var budgetPerSecond = 1

    /// The longest wait that a provider's Retry-After may ask for; beyond it the call fails instead of waiting.
    package internal(set) var retryAfterCeiling = Duration.seconds(120)

    /// The defaults.
    package init() {}
}

extension RetrySettings: ConfigurationSection {
    static let fields: [Field<RetrySettings>] = [
        .value("attempts", \.attempts, .count(1...10), .live, "Attempts of one call, the first included"),
        .value(
            "base", \.base, .duration(.milliseconds(1) ... .seconds(60)), .live,
            "Pause before the first repetition; doubles with every further one"),
        .value("cap", \.cap, .duration(.milliseconds(1) ... .seconds(600)), .live, "Longest pause"),
        .value(
            "budget_percent", \.budgetPercent, .count(0...100), .live, "Repetitions allowed for every 100 successes"),
        .value(
            "budget_per_second", \.budgetPerSecond, .count(0...1000), .live,
            "Repetitions allowed each second besides"),
        .value(
            "retry_after_ceiling", \.retryAfterCeiling, .duration(.zero ... .seconds(86400)), .live,
            "Longest wait a Retry-After may ask for; beyond it the call fails at once"),
    ]

    func check(_ place: SectionPlace) {
        guard base > cap, place.has("base") || place.has("cap") else { return }
        place.report(
            place.has("base") ? "base" : "cap",
            Fault("base (\(DurationFormat.write(base))) is longer than cap (\(DurationFormat.write(cap)))"))
    }
}
