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
    /// Which API paths callers may use.
    package internal(set) var endpoints = EndpointSettings()
    /// How failed attempts are repeated.
    package internal(set) var retries = RetrySettings()

    /// The defaults, without an upstream.
    package init() {}
}

extension Configuration: ConfigurationSection {
    static let fields: [Field<Configuration>] = [
        .section("agent", \.agent, "The daemon itself"),
        .section("limits", \.limits, "Bounds on what callers may use"),
        .sections("upstreams", \.upstreams, maximum: 64, "Providers; without any, one is made from the environment"),
        .sections("pools", \.pools, maximum: 4096, "What shares one provider quota; the first match wins"),
        .section("endpoints", \.endpoints, "Which API paths callers may use"),
        .section("retries", \.retries, "How failed attempts are repeated"),
    ]

    func check(_ place: SectionPlace) {
        checkNames("upstreams", upstreams.map(\.name), place)
        checkNames("pools", pools.map(\.name), place)
        checkReferences(place)
        checkReachability(place)
        if pools.count > limits.pools {
            place.report(
                "pools", Fault("\(pools.count) pools are configured", suggestion: "limits.pools allows \(limits.pools)")
            )
        }
    }

    private func checkNames(_ section: String, _ names: [String], _ place: SectionPlace) {
        for (index, name) in names.enumerated() where !name.isEmpty {
            guard let first = names.firstIndex(of: name), first < index else { continue }
            place.report(section, index, "name", Fault("\(section)[\(first)] has the same name \(quoted(name))"))
        }
    }

    private func checkReferences(_ place: SectionPlace) {
        let names = upstreams.map(\.name)
        guard !names.contains("") else { return }
        let known = names.isEmpty ? [UpstreamSettings.defaultName] : names
        for (index, pool) in pools.enumerated() {
            guard let wanted = pool.upstream, !known.contains(wanted) else { continue }
            place.report(
                "pools", index, "upstream",
                Fault("there is no upstream \(quoted(wanted))", suggestion: suggestion(for: wanted, among: known)))
        }
    }

    /// Quadratic in the number of patterns; bounded by 4,096 pools of 64, of which a real file has a handful.
    private func checkReachability(_ place: SectionPlace) {
        var earlier: [(pool: String, pattern: GlobPattern)] = []
        for (index, pool) in pools.enumerated() {
            for pattern in pool.models {
                guard let cover = earlier.first(where: { $0.pattern.covers(pattern) }) else { continue }
                place.report(
                    "pools", index, "models",
                    Fault(
                        "\(quoted(pattern.text)) never matches: pool \(quoted(cover.pool)) takes it before",
                        suggestion: "put the narrower pool first"))
            }
            earlier += pool.models.map { (pool.name, $0) }
        }
    }
}

extension Configuration {
    /// The first pool one of whose patterns matches the model; nil when none does (such a model gets a pool of its own,
    /// without a configured limit, on the first upstream).
    package func pool(forModel model: String) -> PoolSettings? {
        pools.first { $0.models.contains { $0.matches(model) } }
    }

    /// The upstream a pool uses: the one it names, else the first.
    package func upstream(of pool: PoolSettings) -> UpstreamSettings? {
        guard let name = pool.upstream else { return upstreams.first }
        return upstreams.first { $0.name == name }
    }
}
