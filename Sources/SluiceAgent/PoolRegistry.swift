import SluiceConfig
import SluicePolicy
import SluiceTelemetry
import SluiceUpstream

/// One upstream with one key: what an attempt needs to know to be made.
struct UpstreamRoute {
    var upstreamName: String
    var keyName: String
    var profile: UpstreamProfile
    var timeouts: TimeoutSettings
}

/// One pool as the shell sees it: the core's number for it, and where its attempts go.
final class PoolRuntime {
    let name: String
    let id: PoolID
    var route: UpstreamRoute
    let meter: PoolMeter

    init(name: String, id: PoolID, route: UpstreamRoute, meter: PoolMeter) {
        self.name = name
        self.id = id
        self.route = route
        self.meter = meter
    }
}

/// The pools, one for each key, that serve the same models.
struct PoolGroup {
    let id: GroupID
    /// What it is called where no single pool is meant.
    let name: String
}

/// Which pools a model's calls belong to: those of the first configured pool whose pattern matches, else some of the
/// model's own; once there are `limits.pools`, further models share pools named `other`.
struct PoolRegistry {
    private struct Key: Hashable {
        var upstream: String
        var key: String
        var group: String
    }

    private struct GroupKey: Hashable {
        var upstream: String
        var group: String
    }

    private struct ModelKey: Hashable {
        var model: String
        var upstream: String?
    }

    private var pools: [Key: PoolRuntime] = [:]
    private var groups: [GroupKey: PoolGroup] = [:]
    /// By the core's number.
    private var byIndex: [PoolRuntime] = []
    /// Pools in use, in the order of their making, for everything that lists them.
    private(set) var all: [PoolRuntime] = []
    /// Pools whose key the last reload took away.
    private(set) var withdrawn: [PoolRuntime] = []
    private var byModel: [ModelKey: PoolGroup] = [:]
    private var configuration: Configuration
    private var routes: [String: [UpstreamRoute]]
    private let metrics: AgentMetrics

    /// Models remembered at once; more are looked up each time.
    private static let modelCache = 4096

    /// - Parameter routes: by upstream name, one for each key.
    init(_ configuration: Configuration, routes: [String: [UpstreamRoute]], metrics: AgentMetrics) {
        self.metrics = metrics
        self.configuration = configuration
        self.routes = routes
    }

    subscript(_ id: PoolID) -> PoolRuntime { byIndex[id.index] }

    /// The pools that may carry calls to `model`; nil when its upstream has no usable key.
    ///
    /// - Parameter upstream: the one to use; nil for that of the model's pool.
    mutating func group(
        model: String?, upstream: String? = nil, engine: inout PolicyEngine, at now: MonotonicTime
    ) -> PoolGroup? {
        let key = ModelKey(model: model ?? "", upstream: upstream)
        if let known = byModel[key] { return known }
        let settings =
            upstream.map { configuration.pool(forModel: key.model, upstream: $0) }
            ?? configuration.pool(forModel: key.model)
        let chosen =
            upstream ?? settings.flatMap { configuration.upstream(of: $0)?.name } ?? configuration.upstreams[0].name
        let found = group(chosen, groupName(settings, key.model), settings, engine: &engine, at: now)
        if let found, byModel.count < Self.modelCache { byModel[key] = found }
        return found
    }

    /// Makes the pools that the configuration names, so that status shows them before their first call.
    mutating func prepare(engine: inout PolicyEngine, at now: MonotonicTime) {
        for settings in configuration.pools {
            let upstream = configuration.upstream(of: settings)?.name ?? configuration.upstreams[0].name
            _ = group(upstream, settings.name, settings, engine: &engine, at: now)
        }
    }

    /// Puts a new configuration and new keys in force. Pools live on with their levels and queues.
    mutating func reload(
        _ configuration: Configuration, routes: [String: [UpstreamRoute]], engine: inout PolicyEngine,
        at now: MonotonicTime, into effects: inout [Effect]
    ) {
        self.configuration = configuration
        self.routes = routes
        byModel.removeAll()
        withdrawn = []
        for (key, pool) in pools {
            guard let route = routes[key.upstream]?.first(where: { $0.keyName == key.key }) else {
                withdrawn.append(pool)
                continue
            }
            pool.route = route
            let settings = configuration.pools.first { $0.name == key.group }
            engine.reconfigure(pool.id, parameters(settings), at: now, into: &effects)
        }
        all = byIndex.filter { pool in !withdrawn.contains { $0 === pool } }
        for (key, group) in groups {
            let settings = configuration.pools.first { $0.name == key.group }
            let members = members(key.upstream, key.group, settings, engine: &engine, at: now)
            if !members.isEmpty { engine.reconfigure(group.id, members.map(\.id)) }
        }
        for pool in withdrawn { engine.withdraw(pool.id, at: now, into: &effects) }
        prepare(engine: &engine, at: now)
    }

    private func groupName(_ settings: SluiceConfig.PoolSettings?, _ model: String) -> String {
        if let settings { return settings.name }
        let group = model.isEmpty ? "default" : model
        let isKnown = groups.keys.contains { $0.group == group }
        return isKnown || byIndex.count < configuration.limits.pools ? group : "other"
    }

    private mutating func group(
        _ upstream: String, _ name: String, _ settings: SluiceConfig.PoolSettings?, engine: inout PolicyEngine,
        at now: MonotonicTime
    ) -> PoolGroup? {
        let members = members(upstream, name, settings, engine: &engine, at: now)
        guard !members.isEmpty else { return nil }
        let key = GroupKey(upstream: upstream, group: name)
        if let known = groups[key] { return known }
        let made = PoolGroup(id: engine.addGroup(members.map(\.id)), name: settings?.name ?? "\(upstream)/\(name)")
        groups[key] = made
        return made
    }

    private mutating func members(
        _ upstream: String, _ name: String, _ settings: SluiceConfig.PoolSettings?, engine: inout PolicyEngine,
        at now: MonotonicTime
    ) -> [PoolRuntime] {
        var members: [PoolRuntime] = []
        for route in routes[upstream] ?? [] {
            members.append(pool(route, group: name, settings: settings, engine: &engine, at: now))
        }
        return members
    }

    private mutating func pool(
        _ route: UpstreamRoute, group: String, settings: SluiceConfig.PoolSettings?, engine: inout PolicyEngine,
        at now: MonotonicTime
    ) -> PoolRuntime {
        let key = Key(upstream: route.upstreamName, key: route.keyName, group: group)
        if let known = pools[key] { return known }
        // A configured pool bears its configured name; with several keys each has a pool of its own.
        let shown = settings?.name ?? "\(route.upstreamName)/\(group)"
        let several = (routes[route.upstreamName]?.count ?? 0) > 1
        let name = several ? "\(shown)[\(route.keyName)]" : shown
        let made = PoolRuntime(
            name: name, id: engine.addPool(parameters(settings), at: now), route: route,
            meter: PoolMeter(name, metrics))
        pools[key] = made
        byIndex.append(made)
        all.append(made)
        return made
    }

    private func parameters(_ settings: SluiceConfig.PoolSettings?) -> PoolParameters {
        PoolParameters(settings, limits: configuration.limits)
    }
}
