/// How much output to reserve for a call, and from where that is known.
package struct ExpectedOutput: Sendable, Equatable {
    /// Where the figure comes from, the best source first.
    package enum Basis: String, Sendable, CaseIterable {
        /// The caller named a maximum; the provider counts it against the limit up front.
        case asked
        /// The 95th percentile of this tenant's answers by this model.
        case tenant
        /// The 95th percentile of all tenants' answers by this model.
        case model
        /// Nothing was learned yet.
        case documented
    }

    /// Expected output of a model that nothing is known of, in tokens.
    package static let documentedTokens = 256

    package var tokens: Int
    package var basis: Basis

    /// Chooses; there is no floor, so a tenant whose answers are short reserves little.
    ///
    /// - Parameters:
    ///   - asked: the caller's own maximum over all choices.
    ///   - tenant: what is known of (tenant, model).
    ///   - model: what is known of the model over all tenants.
    ///   - documented: what to take where nothing is known, for all choices.
    ///   - ceiling: the most the model writes over all choices; nil where unknown.
    package init(asked: Int?, tenant: Int?, model: Int?, documented: Int = documentedTokens, ceiling: Int?) {
        let (wanted, basis): (Int, Basis) =
            switch (asked, tenant, model) {
            case (let tokens?, _, _): (tokens, .asked)
            case (nil, let tokens?, _): (tokens, .tenant)
            case (nil, nil, let tokens?): (tokens, .model)
            case (nil, nil, nil): (documented, .documented)
            }
        tokens = max(0, min(wanted, ceiling ?? Int.max))
        self.basis = basis
    }
}
