/// The agent's whole configuration: validated, complete, immutable. Every value has a default, so `Configuration()` is
/// what an empty file means, except that the loader then adds the upstream that the environment describes.
package struct Configuration: Equatable, Sendable {
    /// The daemon itself: directories, sockets, log.
    package internal(set) var agent = AgentSettings()
    /// Bounds on what callers may use.
    package internal(set) var limits = LimitSettings()
    /// Providers; never empty once loaded.
    package internal(set) var upstreams: [UpstreamSettings] = []
    /// What shares one provider quota, in order of precedence.
    package internal(set) var pools: [PoolSettings] = []
    /// How the four lanes share a pool.
    package internal(set) var lanes = LanesSettings()
    /// Tiers of tenants.
    package internal(set) var plans: [PlanSettings] = []
    /// The plan of tenants for whom no entry of `tenants` names one; nil: weight 1, all lanes, no ceilings.
    package internal(set) var defaultPlan: String?
    /// Who has which plan, in order of precedence.
    package internal(set) var tenants: [TenantSettings] = []
    /// Workflows that are treated in a way of their own.
    package internal(set) var features: [FeatureSettings] = []
    /// Chains of models for calls whose feature has none of its own, in order of precedence.
    package internal(set) var defaultFallbacks: [DefaultFallbackSettings] = []
    /// When calls to a failing endpoint stop for a while.
    package internal(set) var breaker = BreakerSettings()
    /// Which API paths callers may use.
    package internal(set) var endpoints = EndpointSettings()
    /// How failed attempts are repeated.
    package internal(set) var retries = RetrySettings()
    /// A record of calls for `sluice simulate`.
    package internal(set) var trace = TraceSettings()

    /// The defaults, without an upstream.
    package init() {}
}

extension Configuration: ConfigurationSection {
    static let fields: [Field<Configuration>] = [
        .section("agent", \.agent, "The daemon itself"),
        .section("limits", \.limits, "Bounds on what callers may use"),
        .sections("upstreams", \.upstreams, maximum: 64, "Providers; without any, one is made from the environment"),
        .sections("pools", \.pools, maximum: 4096, "What shares one provider quota; the first match wins"),
        .section("lanes", \.lanes, "How the four lanes share a pool"),
        .sections("plans", \.plans, maximum: 256, "Tiers of tenants"),
        .optional(
            "default_plan", \.defaultPlan, .identifier, .live, "Plan of tenants that have no other; default none"),
        .sections("tenants", \.tenants, maximum: 4096, "Who has which plan; the first match wins"),
        .sections("features", \.features, maximum: 4096, "Workflows that are treated in a way of their own"),
        .sections(
            "default_fallbacks", \.defaultFallbacks, maximum: 256,
            "Chains of models for calls whose feature has none; the first match wins"),
        .section("breaker", \.breaker, "When calls to a failing endpoint stop for a while"),
        .section("endpoints", \.endpoints, "Which API paths callers may use"),
        .section("retries", \.retries, "How failed attempts are repeated"),
        .section("trace", \.trace, "A record of calls for sluice simulate"),
    ]

    func check(_ place: SectionPlace) {
        checkNames(place)
        checkUpstreams(place)
        checkPlans(place)
        checkReachability(place)
        checkCounts(place)
    }
}
