/// Learns how much input the provider adds on its own to calls that let it: earlier responses, stored prompts, files,
/// instructions of built-in tools. An exponentially weighted mean, since such calls show nothing to go by.
package struct HiddenInput: Sendable, Equatable {
    /// Calls that still count, about.
    private static let memory = 32
    private static let ceiling = 1_000_000_000

    private var samples = 0
    /// In 1/1024 token.
    private var scaled = 0

    /// Expects nothing yet.
    package init() {}

    /// Tokens to add to the estimate of what is seen; 0 before the first call.
    package var expectedTokens: Int { scaled >> 10 }

    /// Learns from a call of which `visible` tokens were estimated and `actual` were counted.
    package mutating func learn(visible: Int, actual: Int) {
        guard actual >= 0, visible >= 0 else { return }
        let extra = min(max(0, actual - visible), Self.ceiling)
        samples = min(samples + 1, Self.memory)
        scaled += (extra << 10 - scaled) / samples
        assert(scaled >= 0, "a mean of tokens is not negative: \(scaled)")
    }
}
