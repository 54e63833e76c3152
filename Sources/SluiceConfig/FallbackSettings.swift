/// Why a call goes on to the next model of its chain.
package enum FallbackTrigger: String, CaseIterable, Sendable {
    /// The breaker of the pool's endpoint is open.
    case breakerOpen = "breaker_open"
    /// The provider account has no quota left, or no key of the pool is of use.
    case quotaExhausted = "quota_exhausted"
    /// The wait in the queue would be longer than the deadline allows.
    case deadlineUnmeetable = "deadline_unmeetable"
    /// The lane sheds load.
    case overloaded
    /// The provider failed and no attempt is left.
    case error
}

/// One step of a chain: the model to try next, and for which reasons.
package struct FallbackSettings: Equatable, Sendable {
    /// The model that takes the place of the one asked for.
    package internal(set) var model = ""
    /// Name of the upstream; nil: that of the model's pool.
    package internal(set) var upstream: String?
    /// What leads here; at least one. By default everything but `overloaded`: under overload, work that is moved to
    /// another model is still more work.
    package internal(set) var on: [FallbackTrigger] = [.breakerOpen, .quotaExhausted, .deadlineUnmeetable, .error]

    /// The defaults.
    package init() {}
}

extension FallbackSettings: ConfigurationSection {
    /// Steps of one chain: each is a pool to look at, and a place where a call may wait.
    static let maximum = 8

    static let fields: [Field<FallbackSettings>] = [
        .value(
            "model", \.model, .modelName, .live, isRequired: true, "Model that takes the place of the one asked for"),
        .optional("upstream", \.upstream, .identifier, .live, "Upstream to use; default that of the model's pool"),
        .list("on", \.on, .choice, maximum: FallbackTrigger.allCases.count, .live, "What leads to this model"),
    ]

    func check(_ place: SectionPlace) {
        if place.isEmptyList("on") {
            place.report("on", Fault("this model is never used", suggestion: "leave on out for the usual reasons"))
        }
        for (index, trigger) in on.enumerated() where on[..<index].contains(trigger) {
            place.report("on", index, nil, Fault("\(trigger.rawValue) is there twice", suggestion: "remove one"))
        }
    }

    /// Reports a step of a chain that an earlier one makes pointless.
    static func checkChain(_ chain: [FallbackSettings], _ name: String, _ place: SectionPlace) {
        for (index, step) in chain.enumerated() where !step.model.isEmpty {
            let isSame = { (other: FallbackSettings) in other.model == step.model && other.upstream == step.upstream }
            guard let first = chain[..<index].firstIndex(where: isSame) else { continue }
            place.report(
                name, index, "model",
                Fault("\(quoted(step.model)) is in the chain already, as \(name)[\(first)]", suggestion: "remove one"))
        }
    }
}

/// One entry of `default_fallbacks`: the chain for calls whose feature has none of its own.
package struct DefaultFallbackSettings: Equatable, Sendable {
    /// Patterns of the models that are asked for; the first entry that matches counts.
    package internal(set) var models: [GlobPattern] = []
    /// The chain, in order; at least one step.
    package internal(set) var to: [FallbackSettings] = []

    /// The defaults.
    package init() {}
}

extension DefaultFallbackSettings: ConfigurationSection {
    static let fields: [Field<DefaultFallbackSettings>] = [
        .list(
            "models", \.models, .glob, maximum: 64, .live, isRequired: true,
            "Models that are asked for; * stands for any text, ? for one character"),
        .sections("to", \.to, maximum: FallbackSettings.maximum, "Models to try then, in order"),
    ]

    func check(_ place: SectionPlace) {
        if models.isEmpty, place.isEmptyList("models") {
            place.report("models", Fault("at least one model is needed", suggestion: "write models: [\"*\"] for all"))
        }
        if to.isEmpty, !place.has("to") || place.isEmptyList("to") {
            place.report("to", Fault("the chain is empty", suggestion: "name a model, or remove this entry"))
        }
        FallbackSettings.checkChain(to, "to", place)
        guard models.count == 1, let own = models.first?.text else { return }
        for (index, step) in to.enumerated() where step.model == own && step.upstream == nil {
            place.report(
                "to", index, "model", Fault("\(quoted(own)) would fall back to itself", suggestion: "remove it"))
        }
    }
}

extension ValueType<String> {
    /// One model's name, as a request's `model` has it.
    static let modelName = text("model name") { text in
        let isPrintable = text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
        guard isPrintable, (1...128).contains(text.utf8.count) else {
            return Fault("\(quoted(text)) is not a model's name", suggestion: "use 1 to 128 bytes, no blanks")
        }
        guard !text.contains("*"), !text.contains("?") else {
            return Fault("\(quoted(text)) is a pattern", suggestion: "name one model")
        }
        return nil
    }
}
