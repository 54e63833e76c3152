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
    /// Until when another key is preferred, after the provider refused this one.
    var avoidedUntil: MonotonicTime?

    init(name: String, id: PoolID, route: UpstreamRoute, meter: PoolMeter) {
        self.name = name
        self.id = id
        self.route = route
        self.meter = meter
    }
}

/// Which pool a model's calls belong to: the first configured pool whose pattern matches, else one of the model's own;
/// once there are `limits.pools`, further models share one pool named `other`.
struct PoolRegistry {
    private struct Key: Hashable {
        var upstream: String
        var key: String
        var group: String
    }

    private var pools: [Key: PoolRuntime] = [:]
    /// In the order of their making, for everything that lists them.
    private(set) var all: [PoolRuntime] = []
    /// Pools whose key the last reload took away.
    private(set) var withdrawn: [PoolRuntime] = []
    private var byModel: [String: [PoolRuntime]] = [:]
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

    /// The pools, one for each key, that may carry calls to `model`; empty when its upstream has no usable key.
    mutating func candidates(
        model: String?, engine: inout PolicyEngine, at now: MonotonicTime
    ) -> [PoolRuntime] {
        let name = model ?? ""
        if let known = byModel[name] { return known }
        let settings = configuration.pool(forModel: name)
        let upstream = settings.flatMap { configuration.upstream(of: $0)?.name } ?? configuration.upstreams[0].name
        let group = groupName(settings, name)
        let found = (routes[upstream] ?? []).map { route in
            pool(route, group: group, settings: settings, engine: &engine, at: now)
        }
        if byModel.count < Self.modelCache { byModel[name] = found }
        return found
    }

    /// Makes the pools that the configuration names, so that status shows them before their first call.
    mutating func prepare(engine: inout PolicyEngine, at now: MonotonicTime) {
        for settings in configuration.pools {
            let upstream = configuration.upstream(of: settings)?.name ?? configuration.upstreams[0].name
            for route in routes[upstream] ?? [] {
                _ = pool(route, group: settings.name, settings: settings, engine: &engine, at: now)
            }
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
        prepare(engine: &engine, at: now)
    }

    private func groupName(_ settings: SluiceConfig.PoolSettings?, _ model: String) -> String {
        if let settings { return settings.name }
        let group = model.isEmpty ? "default" : model
        let isKnown = pools.keys.contains { $0.group == group }
        return isKnown || all.count < configuration.limits.pools ? group : "other"
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
        all.append(made)
        return made
    }

    private func parameters(_ settings: SluiceConfig.PoolSettings?) -> PoolParameters {
        let limits = configuration.limits
        guard let settings else {
            return PoolParameters(queueCalls: limits.queueCalls, queueBytes: limits.queueSize)
        }
        return PoolParameters(
            limits: PoolLimits(
                requestsPerMinute: settings.requestsPerMinute, tokensPerMinute: settings.tokensPerMinute,
                maxInFlight: settings.maxInFlight),
            queueCalls: settings.queueCalls ?? limits.queueCalls, queueBytes: settings.queueSize ?? limits.queueSize)
    }
}
