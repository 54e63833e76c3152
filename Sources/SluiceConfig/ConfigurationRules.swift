/// The rules that concern several sections at once. Each reports at the entry that has to be changed.
extension Configuration {
    func checkNames(_ place: SectionPlace) {
        let sections = [
            ("upstreams", upstreams.map(\.name)), ("pools", pools.map(\.name)), ("plans", plans.map(\.name)),
            ("tenants", tenants.map(\.name.text)), ("features", features.map(\.name)),
        ]
        for (section, names) in sections {
            var first: [String: Int] = [:]
            for (index, name) in names.enumerated() where !name.isEmpty {
                guard let earlier = first[name] else {
                    first[name] = index
                    continue
                }
                place.report(section, index, "name", Fault("\(section)[\(earlier)] has the same name \(quoted(name))"))
            }
        }
    }

    /// Every upstream that something names has to be there.
    func checkUpstreams(_ place: SectionPlace) {
        let names = upstreams.map(\.name)
        guard !names.contains("") else { return }
        let known = names.isEmpty ? [UpstreamSettings.defaultName] : names
        let check = { (wanted: String?, steps: [SectionPlace.Step]) in
            guard let wanted, !known.contains(wanted) else { return }
            place.report(
                at: steps + [.setting("upstream")],
                Fault("there is no upstream \(quoted(wanted))", suggestion: suggestion(for: wanted, among: known)))
        }
        for (index, pool) in pools.enumerated() { check(pool.upstream, [.setting("pools"), .item(index)]) }
        for (index, feature) in features.enumerated() {
            for (step, fallback) in (feature.fallbacks ?? []).enumerated() {
                check(fallback.upstream, [.setting("features"), .item(index), .setting("fallbacks"), .item(step)])
            }
        }
        for (index, entry) in defaultFallbacks.enumerated() {
            for (step, fallback) in entry.to.enumerated() {
                check(fallback.upstream, [.setting("default_fallbacks"), .item(index), .setting("to"), .item(step)])
            }
        }
    }

    /// Every plan that something names has to be there.
    func checkPlans(_ place: SectionPlace) {
        let known = plans.map(\.name)
        guard !known.contains("") else { return }
        let check = { (wanted: String?, steps: [SectionPlace.Step]) in
            guard let wanted, !known.contains(wanted) else { return }
            let cure = known.isEmpty ? "define it under plans" : suggestion(for: wanted, among: known)
            place.report(at: steps, Fault("there is no plan \(quoted(wanted))", suggestion: cure))
        }
        check(defaultPlan, [.setting("default_plan")])
        for (index, tenant) in tenants.enumerated() {
            check(tenant.plan, [.setting("tenants"), .item(index), .setting("plan")])
        }
    }

    /// Quadratic in the number of patterns with `*` or `?`; bounded by 4,096 entries, of which a real file has a
    /// handful.
    func checkReachability(_ place: SectionPlace) {
        var models = EarlierPatterns()
        for (index, pool) in pools.enumerated() {
            models.check(pool.models, of: "pool \(quoted(pool.name))") { fault in
                place.report("pools", index, "models", fault("put the narrower pool first"))
            }
        }
        var names = EarlierPatterns()
        var seen: Set<String> = [""]
        for (index, tenant) in tenants.enumerated() {
            // Two entries of the same name were reported as that.
            guard seen.insert(tenant.name.text).inserted else { continue }
            names.check([tenant.name], of: "tenants[\(index)]") { fault in
                place.report("tenants", index, "name", fault("put the narrower one first"))
            }
        }
        var chains = EarlierPatterns()
        for (index, entry) in defaultFallbacks.enumerated() {
            chains.check(entry.models, of: "default_fallbacks[\(index)]") { fault in
                place.report("default_fallbacks", index, "models", fault("put the narrower one first"))
            }
        }
    }

    func checkCounts(_ place: SectionPlace) {
        let counts = [
            ("pools", pools.count, limits.pools),
            ("tenants", tenants.count { !$0.name.hasWildcard }, limits.tenants),
            ("features", features.count, limits.features),
        ]
        for (section, count, limit) in counts where count > limit {
            place.report(
                section, Fault("\(count) \(section) are configured", suggestion: "limits.\(section) allows \(limit)"))
        }
    }
}

/// The patterns of the entries that were looked at so far, for finding those that can never match.
private struct EarlierPatterns {
    private var plain: [String: String] = [:]
    private var wild: [(pattern: GlobPattern, owner: String)] = []

    /// Reports each pattern that an earlier entry takes the place of, and remembers them all. `report` gets the fault
    /// as a function of its cure.
    mutating func check(_ patterns: [GlobPattern], of owner: String, _ report: ((String) -> Fault) -> Void) {
        for pattern in patterns {
            let cover = plain[pattern.text] ?? wild.first { $0.pattern.covers(pattern) }?.owner
            guard let cover else { continue }
            report { Fault("\(quoted(pattern.text)) never matches: \(cover) takes it before", suggestion: $0) }
        }
        for pattern in patterns {
            if pattern.hasWildcard {
                wild.append((pattern, owner))
            } else if plain[pattern.text] == nil {
                plain[pattern.text] = owner
            }
        }
    }
}
