/// What holds for one call. All of these walk through lists: ask once for each name, and keep the answer.
extension Configuration {
    /// The first pool one of whose patterns matches the model; nil when none does (such a model gets a pool of its own,
    /// without a configured limit, on the first upstream).
    package func pool(forModel model: String) -> PoolSettings? {
        pools.first { $0.models.contains { $0.matches(model) } }
    }

    /// The first pool of one upstream that has a pattern for the model; nil when none has.
    package func pool(forModel model: String, upstream: String) -> PoolSettings? {
        pools.first { pool in
            self.upstream(of: pool)?.name == upstream && pool.models.contains { $0.matches(model) }
        }
    }

    /// The upstream a pool uses: the one it names, else the first.
    package func upstream(of pool: PoolSettings) -> UpstreamSettings? {
        guard let name = pool.upstream else { return upstreams.first }
        return upstreams.first { $0.name == name }
    }

    /// What a tenant may do: the plan of the first entry that matches its name, else `default_plan`, with that entry's
    /// own values over it.
    ///
    /// - Parameter tenant: nil for calls that name none. All of those together are one tenant, with `default_plan`: or
    ///   leaving the name out would be a way around it.
    package func plan(forTenant tenant: String?) -> TenantPlan {
        let entry = tenant.flatMap { tenant in tenants.first { $0.name.matches(tenant) } }
        let name = entry?.plan ?? defaultPlan
        let plan = plans.first { $0.name == name } ?? PlanSettings()
        return TenantPlan(
            plan: name, weight: entry?.weight ?? plan.weight, lanes: entry?.lanes ?? plan.lanes,
            requestsPerMinute: entry?.requestsPerMinute ?? plan.requestsPerMinute,
            tokensPerMinute: entry?.tokensPerMinute ?? plan.tokensPerMinute,
            maxInFlight: entry?.maxInFlight ?? plan.maxInFlight, queueCalls: entry?.queueCalls ?? plan.queueCalls)
    }

    /// The settings of a feature; nil when none are configured.
    package func feature(_ name: String) -> FeatureSettings? {
        features.first { $0.name == name }
    }

    /// The models to try, in order, when the one that was asked for is of no use: the feature's own chain, else the
    /// first of `default_fallbacks` that matches the model. A step that leads back to the model itself is left out.
    ///
    /// - Parameter feature: nil for calls that name none.
    package func fallbacks(feature: String?, model: String) -> [FallbackSettings] {
        let own = feature.flatMap { self.feature($0)?.fallbacks }
        let chain = own ?? defaultFallbacks.first { $0.models.contains { $0.matches(model) } }?.to ?? []
        let home = pool(forModel: model).flatMap { upstream(of: $0) } ?? upstreams.first
        return chain.filter { $0.model != model || ($0.upstream != nil && $0.upstream != home?.name) }
    }
}

/// What one tenant may do: its plan, with the tenant's own values over it.
package struct TenantPlan: Equatable, Sendable {
    /// The plan's name; nil: no plan holds.
    package let plan: String?
    /// What the tenant gets of a lane, relative to other tenants that have work in it: 1 to 1,000.
    package let weight: Int
    /// The lanes it may use; never empty.
    package let lanes: [LaneName]
    /// Requests; nil: only the pool's limit holds.
    package let requestsPerMinute: Int?
    /// Tokens; nil: only the pool's limit holds.
    package let tokensPerMinute: Int?
    /// Attempts in flight in each pool; nil: only the pool's ceiling holds.
    package let maxInFlight: Int?
    /// Calls that may wait in each pool; nil: only the pool's bound holds.
    package let queueCalls: Int?

    /// Whether it may use a lane.
    package func allows(_ lane: LaneName) -> Bool { lanes.contains(lane) }
}
