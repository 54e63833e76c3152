/// One entry of `plans`: what tenants of one tier get.
package struct PlanSettings: Equatable, Sendable {
    /// Unique among the plans.
    package internal(set) var name = ""
    /// What a tenant gets of a lane, relative to other tenants that have work in it.
    package internal(set) var weight = 1
    /// The lanes its tenants may use; at least one.
    package internal(set) var lanes = LaneName.allCases
    /// Requests of one tenant; nil: only the pool's limit holds.
    package internal(set) var requestsPerMinute: Int?
    /// Tokens of one tenant; nil: only the pool's limit holds.
    package internal(set) var tokensPerMinute: Int?
    /// Attempts in flight of one tenant in each pool; nil: only the pool's ceiling holds.
    package internal(set) var maxInFlight: Int?
    /// Calls of one tenant that may wait in each pool; nil: only the pool's bound holds.
    package internal(set) var queueCalls: Int?

    /// The defaults.
    package init() {}
}

extension PlanSettings: ConfigurationSection {
    static let fields: [Field<PlanSettings>] = [
        .value("name", \.name, .identifier, .live, isRequired: true, "Name, unique among the plans"),
        .value(
            "weight", \.weight, .count(1...1000), .live,
            "What a tenant gets of a lane, relative to other busy tenants"),
        .list("lanes", \.lanes, .choice, maximum: 4, .live, "Lanes that its tenants may use"),
        .optional(
            "requests_per_minute", \.requestsPerMinute, .count(1...1_000_000_000), .live,
            "Requests of one tenant; default only the pool's limit"),
        .optional(
            "tokens_per_minute", \.tokensPerMinute, .count(1...1_000_000_000_000), .live,
            "Tokens of one tenant; default only the pool's limit"),
        .optional(
            "max_in_flight", \.maxInFlight, .count(1...65536), .live,
            "Attempts in flight of one tenant in each pool; default only the pool's ceiling"),
        .optional(
            "queue_calls", \.queueCalls, .count(1...1_000_000), .live,
            "Calls of one tenant that may wait in each pool; default only the pool's bound"),
    ]

    func check(_ place: SectionPlace) {
        LaneRights.check(lanes, place)
    }
}

/// One entry of `tenants`: whose calls belong to which plan, and where a tenant differs from it. What is left out is
/// the plan's.
package struct TenantSettings: Equatable, Sendable {
    /// A tenant's name, or a pattern of names; the first entry that matches counts.
    package internal(set) var name = GlobPattern("")
    /// Name of the plan; nil: `default_plan`.
    package internal(set) var plan: String?
    /// See ``PlanSettings/weight``.
    package internal(set) var weight: Int?
    /// See ``PlanSettings/lanes``.
    package internal(set) var lanes: [LaneName]?
    /// See ``PlanSettings/requestsPerMinute``.
    package internal(set) var requestsPerMinute: Int?
    /// See ``PlanSettings/tokensPerMinute``.
    package internal(set) var tokensPerMinute: Int?
    /// See ``PlanSettings/maxInFlight``.
    package internal(set) var maxInFlight: Int?
    /// See ``PlanSettings/queueCalls``.
    package internal(set) var queueCalls: Int?

    /// The defaults.
    package init() {}
}

extension TenantSettings: ConfigurationSection {
    static let fields: [Field<TenantSettings>] = [
        .value(
            "name", \.name, .tenantPattern, .live, isRequired: true,
            "Tenant's name; * stands for any text, ? for one character; the first match wins"),
        .optional("plan", \.plan, .identifier, .live, "Plan; default default_plan"),
        .optional("weight", \.weight, .count(1...1000), .live, "Instead of the plan's weight"),
        .optionalList("lanes", \.lanes, .choice, maximum: 4, .live, "Instead of the plan's lanes"),
        .optional(
            "requests_per_minute", \.requestsPerMinute, .count(1...1_000_000_000), .live,
            "Instead of the plan's requests_per_minute"),
        .optional(
            "tokens_per_minute", \.tokensPerMinute, .count(1...1_000_000_000_000), .live,
            "Instead of the plan's tokens_per_minute"),
        .optional("max_in_flight", \.maxInFlight, .count(1...65536), .live, "Instead of the plan's max_in_flight"),
        .optional("queue_calls", \.queueCalls, .count(1...1_000_000), .live, "Instead of the plan's queue_calls"),
    ]

    func check(_ place: SectionPlace) {
        LaneRights.check(lanes ?? LaneName.allCases, place)
    }
}

/// The rule for a list of lanes, of a plan or a tenant.
private enum LaneRights {
    static func check(_ lanes: [LaneName], _ place: SectionPlace) {
        if place.isEmptyList("lanes") {
            place.report("lanes", Fault("at least one lane is needed", suggestion: "leave lanes out to allow all"))
        }
        for (index, lane) in lanes.enumerated() where lanes[..<index].contains(lane) {
            place.report("lanes", index, nil, Fault("\(lane.rawValue) is there twice", suggestion: "remove one"))
        }
    }
}

extension ValueType<GlobPattern> {
    /// A tenant's name or a pattern of names: 1 to 128 bytes, as the protocol has them.
    static let tenantPattern = ValueType(
        name: "tenant pattern", range: nil,
        parse: { scalar throws(Fault) in
            guard !scalar.isBareNumberOrBoolean else {
                throw Fault(
                    "expected a tenant's name, found \(scalar.kind)", suggestion: "quote it: \"\(scalar.text)\"")
            }
            let isPrintable = scalar.text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
            guard isPrintable, (1...128).contains(scalar.text.utf8.count) else {
                throw Fault("\(quoted(scalar.text)) is not a tenant's name", suggestion: "use 1 to 128 bytes")
            }
            return GlobPattern(scalar.text)
        },
        render: { .text($0.text) })
}
