/// One entry of `features`: what holds for calls of one workflow.
package struct FeatureSettings: Equatable, Sendable {
    /// The name that calls give, unique among the features.
    package internal(set) var name = ""
    /// The lane of calls that name none; nil: `normal`.
    package internal(set) var lane: LaneName?
    /// Attempts in flight of the feature in each pool; nil: only the pool's ceiling holds.
    package internal(set) var maxInFlight: Int?
    /// The deadline of calls that name none; nil: the lane's, from `limits.default_deadline`.
    package internal(set) var deadline: Duration?
    /// The models to try when the one asked for is of no use, in order; nil: `default_fallbacks`; empty: none.
    package internal(set) var fallbacks: [FallbackSettings]?

    /// The defaults.
    package init() {}
}

extension FeatureSettings: ConfigurationSection {
    static let fields: [Field<FeatureSettings>] = [
        .value("name", \.name, .identifier, .live, isRequired: true, "Name that calls give"),
        .optional("lane", \.lane, .choice, .live, "Lane of calls that name none; default normal"),
        .optional(
            "max_in_flight", \.maxInFlight, .count(1...65536), .live,
            "Attempts in flight of the feature in each pool; default only the pool's ceiling"),
        .optional(
            "deadline", \.deadline, .duration(.milliseconds(1) ... .seconds(86400)), .live,
            "Deadline of calls that name none; default the lane's"),
        .optionalSections(
            "fallbacks", \.fallbacks, maximum: FallbackSettings.maximum,
            "Models to try when the one asked for is of no use; default default_fallbacks, [] for none"),
    ]

    func check(_ place: SectionPlace) {
        FallbackSettings.checkChain(fallbacks ?? [], "fallbacks", place)
    }
}
