import SluiceConfig
import SluicePolicy
import SluiceWire

/// Tenants by name: each gets a number of its own in the core at its first call. When `limits.tenants` are known, a
/// newcomer takes the place of one that has made no call for ten minutes; where the hand finds none, it shares the
/// number, and with it the weight and the ceilings, of calls that name no tenant. So names that are made up use up
/// nothing for longer than that.
struct TenantDirectory {
    /// One tenant and what it may do.
    struct Entry {
        var id: TenantID
        var plan: TenantPlan
        /// When it last made a call.
        var usedAt: MonotonicTime
    }

    private var byName: [String: Entry] = [:]
    /// The names, for the hand that looks for one to replace.
    private var names: [String] = []
    private var hand = 0
    /// Numbers of tenants that were forgotten.
    private var free: [TenantID] = []
    private(set) var shared: Entry
    private var configuration: Configuration

    init(_ configuration: Configuration, engine: inout PolicyEngine, at now: MonotonicTime) {
        self.configuration = configuration
        shared = Entry(id: .shared, plan: configuration.plan(forTenant: nil), usedAt: now)
        var none: [Effect] = []
        engine.reconfigure(.shared, TenantParameters(shared.plan), at: now, into: &none)
    }

    /// The entry of a tenant.
    mutating func entry(_ name: String?, engine: inout PolicyEngine, at now: MonotonicTime) -> Entry {
        guard let name else { return shared }
        if let known = byName[name] {
            if now.microseconds(since: known.usedAt) > Self.idleMicroseconds / 10 { byName[name]?.usedAt = now }
            return known
        }
        let plan = configuration.plan(forTenant: name)
        // Its queue is the shared one, but its lanes are its own: a flood of names is no way round a plan.
        guard byName.count < configuration.limits.tenants || dropIdle(at: now) else {
            return Entry(id: .shared, plan: plan, usedAt: now)
        }
        let parameters = TenantParameters(plan)
        let id: TenantID
        if let reused = free.popLast() {
            engine.reuse(reused, parameters, at: now)
            id = reused
        } else {
            id = engine.addTenant(parameters, at: now)
        }
        let made = Entry(id: id, plan: plan, usedAt: now)
        byName[name] = made
        names.append(name)
        return made
    }

    private static let idleMicroseconds: Int64 = 600_000_000
    /// Names that the hand looks at for one newcomer.
    private static let sweep = 16

    /// Forgets a tenant that has made no call for long, if the hand comes by one.
    private mutating func dropIdle(at now: MonotonicTime) -> Bool {
        for _ in 0..<min(Self.sweep, names.count) {
            hand = (hand + 1) % names.count
            guard let entry = byName[names[hand]], now.microseconds(since: entry.usedAt) > Self.idleMicroseconds else {
                continue
            }
            byName[names[hand]] = nil
            names.swapAt(hand, names.count - 1)
            names.removeLast()
            free.append(entry.id)
            return true
        }
        return false
    }

    /// Puts new plans in force, for calls that wait too.
    mutating func reload(
        _ configuration: Configuration, engine: inout PolicyEngine, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        self.configuration = configuration
        shared.plan = configuration.plan(forTenant: nil)
        engine.reconfigure(.shared, TenantParameters(shared.plan), at: now, into: &effects)
        for (name, entry) in byName {
            let plan = configuration.plan(forTenant: name)
            byName[name]?.plan = plan
            engine.reconfigure(entry.id, TenantParameters(plan), at: now, into: &effects)
        }
    }
}

/// Features by name, as ``TenantDirectory`` has tenants; at most `limits.features`.
struct FeatureDirectory {
    /// One feature and what holds for it.
    struct Entry {
        var id: FeatureID
        var settings: FeatureSettings?
    }

    private var byName: [String: Entry] = [:]
    private var configuration: Configuration

    private static let none = Entry(id: .none, settings: nil)

    init(_ configuration: Configuration) { self.configuration = configuration }

    /// The entry of a feature. One that comes when `limits.features` are known still has its settings, but no number
    /// of its own.
    mutating func entry(_ name: String?, engine: inout PolicyEngine, at now: MonotonicTime) -> Entry {
        guard let name else { return Self.none }
        if let known = byName[name] { return known }
        let settings = configuration.feature(name)
        guard byName.count < configuration.limits.features else { return Entry(id: .none, settings: settings) }
        let made = Entry(id: engine.addFeature(FeatureParameters(settings), at: now), settings: settings)
        byName[name] = made
        return made
    }

    /// Puts new settings in force, for calls that wait too.
    mutating func reload(
        _ configuration: Configuration, engine: inout PolicyEngine, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        self.configuration = configuration
        for (name, entry) in byName {
            let settings = configuration.feature(name)
            byName[name]?.settings = settings
            engine.reconfigure(entry.id, FeatureParameters(settings), at: now, into: &effects)
        }
    }
}

/// Fallback chains by feature and model, built once each; at most ``remembered``, more are built each time.
struct FallbackChains {
    private struct Key: Hashable {
        var feature: String?
        var model: String
    }

    private var byKey: [Key: [FallbackStep]] = [:]
    private let configuration: Configuration
    private let isEmpty: Bool

    private static let remembered = 4096

    init(_ configuration: Configuration) {
        self.configuration = configuration
        isEmpty = configuration.defaultFallbacks.isEmpty && configuration.features.allSatisfy { $0.fallbacks == nil }
    }

    /// The chain of a call; steps whose upstream has no usable key are left out, and so is the model that was asked
    /// for, which a pattern of models may name as its own fallback.
    mutating func chain(
        feature: String?, model: String, group: (_ model: String, _ upstream: String?) -> PoolGroup?
    ) -> [FallbackStep] {
        if isEmpty { return [] }
        let key = Key(feature: feature, model: model)
        if let known = byKey[key] { return known }
        let own = group(model, nil)?.id
        let chain = configuration.fallbacks(feature: feature, model: model).compactMap { settings in
            group(settings.model, settings.upstream).map {
                FallbackStep(model: settings.model, group: $0, triggers: FallbackTriggers(settings.on))
            }
        }.filter { $0.model != model || $0.group.id != own }
        if byKey.count < Self.remembered { byKey[key] = chain }
        return chain
    }
}

extension Lane {
    /// The lane in the core's words.
    var policyLane: PolicyLane {
        switch self {
        case .interactive: .interactive
        case .normal: .normal
        case .batch: .batch
        case .backfill: .backfill
        }
    }

    /// The lane in the configuration's words.
    var name: LaneName {
        switch self {
        case .interactive: .interactive
        case .normal: .normal
        case .batch: .batch
        case .backfill: .backfill
        }
    }

    init(_ name: LaneName) {
        self =
            switch name {
            case .interactive: .interactive
            case .normal: .normal
            case .batch: .batch
            case .backfill: .backfill
            }
    }
}
