package import SluiceOpenAI
package import SluicePolicy

/// What a call will count for, and how well that is known.
package struct CallEstimate: Sendable, Equatable {
    /// Whose usage the tokens of the input were learned from.
    package enum InputBasis: String, Sendable, CaseIterable {
        /// This tenant's calls to this model and endpoint.
        case tenant
        /// All tenants' calls to this model and endpoint.
        case model
        /// Nobody's yet: the documented bytes per token.
        case documented
    }

    package var inputTokens: Int
    package var inputBasis: InputBasis
    /// Mean absolute error of the estimates on that basis, per mille; nil where nothing was learned.
    package var inputErrorPerMille: Int?
    /// Output to reserve, over all choices.
    package var output: ExpectedOutput
    /// Images that the call asks for.
    package var images: Int

    /// What to reserve of a token limit: at most `Int.max`.
    package var tokens: Int {
        let (sum, overflow) = inputTokens.addingReportingOverflow(output.tokens)
        return overflow ? Int.max : sum
    }
}

/// What was learned of tokens, by model, endpoint and tenant, and by model and endpoint over all tenants. Confined to
/// the event loop.
///
/// At most `capacity` entries of about 1 KiB. An entry is made only when usage came back, so names that no provider
/// serves make none. When the table is full, a newcomer takes the place of an entry that the clock hand finds unused
/// (a clock with counters: Smith, *Sequentiality and prefetching in database systems*, 1978, calls it generalized
/// CLOCK): each use raises an entry's counter, each pass of the hand lowers it, and where the hand finds none unused
/// within ``sweep`` steps the newcomer is not stored. So a flood of tenants or models replaces its own traces and
/// leaves those in use.
package final class EstimateTable {
    /// Entries kept by default.
    package static let defaultCapacity = 4096
    /// Entries that the hand looks at for one newcomer.
    static let sweep = 16
    /// The most uses that are remembered of an entry, thus the passes of the hand that it survives idle.
    static let maxUses: UInt8 = 15
    /// Calls of a tenant before its own ratio is trusted more than that of all tenants.
    static let minimumSamples = 4

    private let capacity: Int
    private var slots: [Slot] = []
    private var index: [Key: Int] = [:]
    private var hand = 0

    /// - Parameter capacity: entries at most, at least 1.
    package init(capacity: Int = defaultCapacity) {
        precondition(capacity > 0, "a table of \(capacity) entries holds nothing")
        self.capacity = capacity
    }

    /// Entries in the table.
    package var count: Int { slots.count }

    /// Estimates a call that is about to be admitted; learns nothing and stores nothing.
    ///
    /// - Parameter askedOutput: the caller's own maximum over all choices; nil where it named none.
    package func estimate(
        _ weight: RequestWeight, model: String?, endpoint: Endpoint, tenant: String?, askedOutput: Int?
    ) -> CallEstimate {
        let family = use(Key(model: model ?? "", endpoint: endpoint, scope: .everyone))
        let own = use(Key(model: model ?? "", endpoint: endpoint, scope: .tenant(tenant ?? "")))
        let (basis, calibration) = calibration(own: own, family: family)
        var tokens = calibration.estimate(textBytes: weight.textBytes, fixedTokens: weight.fixedTokens)
        if weight.hasHiddenInput, let slot = own ?? family { tokens += slots[slot].hidden.expectedTokens }
        return CallEstimate(
            inputTokens: tokens, inputBasis: basis, inputErrorPerMille: calibration.errorPerMille,
            output: output(weight, endpoint, model, own: own, family: family, asked: askedOutput),
            images: weight.outputImages)
    }

    /// Learns from the usage of a call that was answered.
    ///
    /// - Parameters:
    ///   - weight: the request's, as it was estimated.
    ///   - inputTokens: the provider's count.
    ///   - outputTokens: the provider's count over all choices; nil where the answer was cut, and says nothing.
    package func learn(
        _ weight: RequestWeight, model: String?, endpoint: Endpoint, tenant: String?, inputTokens: Int,
        outputTokens: Int?
    ) {
        for scope in [Scope.everyone, .tenant(tenant ?? "")] {
            let key = Key(model: model ?? "", endpoint: endpoint, scope: scope)
            guard let slot = use(key) ?? place(key) else { continue }
            slots[slot].learn(weight, inputTokens: inputTokens, outputTokens: outputTokens)
        }
    }

    /// Mean absolute error of a model's input estimates over all tenants, per mille; nil where nothing was learned.
    package func errorPerMille(model: String, endpoint: Endpoint) -> Int? {
        let slot = index[Key(model: model, endpoint: endpoint, scope: .everyone)]
        return slot.flatMap { slots[$0].input.errorPerMille }
    }
}

// MARK: - Estimates

extension EstimateTable {
    private func calibration(own: Int?, family: Int?) -> (CallEstimate.InputBasis, InputCalibration) {
        if let own, slots[own].input.samples >= Self.minimumSamples { return (.tenant, slots[own].input) }
        if let family, slots[family].input.samples > 0 { return (.model, slots[family].input) }
        return (.documented, InputCalibration())
    }

    private func output(
        _ weight: RequestWeight, _ endpoint: Endpoint, _ model: String?, own: Int?, family: Int?, asked: Int?
    ) -> ExpectedOutput {
        let perChoice = family.map { slots[$0].outputCeiling } ?? model.flatMap(ModelLimits.maxOutput)
        return ExpectedOutput(
            asked: asked, tenant: own.flatMap { slots[$0].output.percentile }.map { $0 * weight.choices },
            model: family.flatMap { slots[$0].output.percentile }.map { $0 * weight.choices },
            documented: endpoint.writesTokens ? ExpectedOutput.documentedTokens * weight.choices : 0,
            ceiling: perChoice.map { $0 * weight.choices })
    }
}

// MARK: - Entries

extension EstimateTable {
    private enum Scope: Hashable {
        case everyone
        /// The empty name is that of calls which name no tenant.
        case tenant(String)
    }

    private struct Key: Hashable {
        var model: String
        var endpoint: Endpoint
        var scope: Scope
    }

    private struct Slot {
        var key: Key
        var uses: UInt8 = 0
        var input = InputCalibration()
        var hidden = HiddenInput()
        /// Of one choice.
        var output = OutputQuantile()
        /// Of one choice; looked up once.
        let outputCeiling: Int?

        init(_ key: Key) {
            self.key = key
            outputCeiling = ModelLimits.maxOutput(model: key.model)
        }

        mutating func learn(_ weight: RequestWeight, inputTokens: Int, outputTokens: Int?) {
            if weight.hasHiddenInput {
                let visible = input.estimate(textBytes: weight.textBytes, fixedTokens: weight.fixedTokens)
                hidden.learn(visible: visible, actual: inputTokens)
            } else {
                input.learn(textBytes: weight.textBytes, fixedTokens: weight.fixedTokens, actual: inputTokens)
            }
            if let outputTokens { output.learn(outputTokens / max(1, weight.choices)) }
        }
    }

    /// The entry's slot, with its use noted.
    private func use(_ key: Key) -> Int? {
        guard let slot = index[key] else { return nil }
        if slots[slot].uses < Self.maxUses { slots[slot].uses += 1 }
        return slot
    }

    /// A slot for a newcomer; nil where every entry that the hand looks at is in use.
    private func place(_ key: Key) -> Int? {
        if slots.count < capacity {
            slots.append(Slot(key))
            index[key] = slots.count - 1
            return slots.count - 1
        }
        for _ in 0..<Self.sweep {
            let slot = hand
            hand = (hand + 1) % capacity
            guard slots[slot].uses == 0 else {
                slots[slot].uses -= 1
                continue
            }
            index[slots[slot].key] = nil
            slots[slot] = Slot(key)
            index[key] = slot
            assert(index.count == slots.count, "\(index.count) keys for \(slots.count) entries")
            return slot
        }
        return nil
    }
}
