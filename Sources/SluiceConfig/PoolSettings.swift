/// One entry of `pools`: the models that share one provider quota.
package struct PoolSettings: Equatable, Sendable {
    /// Unique among the pools; appears in metrics and in `queued` events.
    package internal(set) var name = ""
    /// Patterns of model names; at least one.
    package internal(set) var models: [GlobPattern] = []
    /// Name of the upstream; nil: the first one.
    package internal(set) var upstream: String?
    /// The provider's limit on requests; nil: learned from its answers.
    package internal(set) var requestsPerMinute: Int?
    /// The provider's limit on tokens; nil: learned from its answers.
    package internal(set) var tokensPerMinute: Int?
    /// The provider's limit on images; nil: not limited here.
    package internal(set) var imagesPerMinute: Int?
    /// The provider's limit on requests in 24 hours; nil: not limited here.
    package internal(set) var requestsPerDay: Int?
    /// The provider's limit on tokens in 24 hours; nil: not limited here.
    package internal(set) var tokensPerDay: Int?
    /// Attempts in flight at the provider.
    package internal(set) var maxInFlight = 256
    /// Attempts in flight that the concurrency guard begins with, `maxInFlight` at most.
    package internal(set) var initialInFlight = 64
    /// Calls that may wait; nil: `limits.queue_calls`.
    package internal(set) var queueCalls: Int?
    /// Bytes of request bodies that may wait; nil: `limits.queue_size`.
    package internal(set) var queueSize: Int?

    /// The defaults.
    package init() {}
}

extension PoolSettings: ConfigurationSection {
    static let fields: [Field<PoolSettings>] = [
        .value("name", \.name, .identifier, .live, isRequired: true, "Name, unique among the pools"),
        .list(
            "models", \.models, .glob, maximum: 64, .live, isRequired: true,
            "Model names; * stands for any text, ? for one character"),
        .optional("upstream", \.upstream, .identifier, .live, "Upstream to use; default the first one"),
        .optional(
            "requests_per_minute", \.requestsPerMinute, .count(1...1_000_000_000), .live,
            "The provider's limit on requests; default learned from its answers"),
        .optional(
            "tokens_per_minute", \.tokensPerMinute, .count(1...1_000_000_000_000), .live,
            "The provider's limit on tokens; default learned from its answers"),
        .optional(
            "images_per_minute", \.imagesPerMinute, .count(1...1_000_000_000), .live,
            "The provider's limit on images; default none"),
        .optional(
            "requests_per_day", \.requestsPerDay, .count(1...1_000_000_000_000), .live,
            "The provider's limit on requests in 24 hours; default none"),
        .optional(
            "tokens_per_day", \.tokensPerDay, .count(1...1_000_000_000_000), .live,
            "The provider's limit on tokens in 24 hours; default none"),
        .value("max_in_flight", \.maxInFlight, .count(1...65536), .live, "Attempts in flight at the provider"),
        .value(
            "initial_in_flight", \.initialInFlight, .count(1...65536), .live,
            "Attempts in flight that the concurrency guard begins with, max_in_flight at most"),
        .optional(
            "queue_calls", \.queueCalls, .count(1...1_000_000), .live, "Calls that may wait; default limits.queue_calls"
        ),
        .optional(
            "queue_size", \.queueSize, .size(1024...(64 << 30)), .live,
            "Bytes of request bodies that may wait; default limits.queue_size"),
    ]

    func check(_ place: SectionPlace) {
        checkDay("requests", requestsPerMinute, requestsPerDay, place)
        checkDay("tokens", tokensPerMinute, tokensPerDay, place)
        guard models.isEmpty, place.isEmptyList("models") else { return }
        place.report("models", Fault("a pool needs at least one model", suggestion: "write models: [\"*\"] for all"))
    }

    /// A day's limit below a minute's is no limit that a provider has.
    private func checkDay(_ what: String, _ minute: Int?, _ day: Int?, _ place: SectionPlace) {
        guard let minute, let day, day < minute else { return }
        place.report(
            "\(what)_per_day",
            Fault(
                "\(what)_per_day (\(day)) is less than \(what)_per_minute (\(minute))",
                suggestion: "swap them if they were mixed up"))
    }
}

/// A pattern over a whole name: `*` stands for any text, also none, `?` for exactly one character. Everything else
/// stands for itself, upper and lower case apart.
package struct GlobPattern: Equatable, Sendable {
    /// The pattern as the file writes it, 1 to 128 bytes.
    package let text: String
    private let pattern: [Unicode.Scalar]

    /// Compiles a pattern.
    package init(_ text: String) {
        self.text = text
        self.pattern = Array(text.unicodeScalars)
    }

    /// Whether the pattern can match more than its own text.
    var hasWildcard: Bool { pattern.contains { $0 == "*" || $0 == "?" } }

    /// Whether the pattern matches the whole of `name`: at most pattern × name steps, because only the last `*` is
    /// ever taken back.
    package func matches(_ name: String) -> Bool { matches(Array(name.unicodeScalars)) }

    private func matches(_ name: [Unicode.Scalar]) -> Bool {
        var (at, position, star, resume) = (0, 0, -1, 0)
        while position < name.count {
            if at < pattern.count, pattern[at] == "*" {
                (star, resume) = (at, position)
                at += 1
            } else if at < pattern.count, pattern[at] == "?" || pattern[at] == name[position] {
                at += 1
                position += 1
            } else if star >= 0 {
                resume += 1
                (at, position) = (star + 1, resume)
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == "*" }
    }

    /// Whether this pattern matches everything that `other` does. Exact for patterns without `?`: such a pattern
    /// covers another one if it matches its text. With `?` only equality is recognised.
    func covers(_ other: GlobPattern) -> Bool {
        self == other || (!pattern.contains("?") && matches(other.pattern))
    }
}

extension ValueType<GlobPattern> {
    /// A pattern of model names.
    static let glob = ValueType(
        name: "model pattern", range: nil,
        parse: { scalar throws(Fault) in
            let isPrintable = scalar.text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
            guard isPrintable, (1...128).contains(scalar.text.utf8.count) else {
                throw Fault(
                    "\(quoted(scalar.text)) is not a model pattern", suggestion: "use 1 to 128 bytes, no blanks")
            }
            return GlobPattern(scalar.text)
        },
        render: { .text($0.text) })
}
