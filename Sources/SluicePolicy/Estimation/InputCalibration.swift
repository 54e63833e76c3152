/// Learns how many tokens a byte of text is for one kind of call, from the usage that comes back.
///
/// The estimate is `textBytes × ratio + fixedTokens`. The ratio is the quotient of two sums, tokens and bytes, that
/// forget alike: each sample first takes a 32nd from both (an exponentially weighted mean, weighted by bytes, so that
/// the sum of many estimates comes out right, which is what a tokens-per-minute limit needs). Integers throughout: the
/// same samples in the same order give the same ratio on every machine.
package struct InputCalibration: Sendable, Equatable {
    /// Where learning starts: a quarter of a token per byte, "1 token ~= 4 chars in English" (OpenAI's help page *What
    /// are tokens and how to count them?*).
    package static let initialBytesPerToken = 4
    /// Samples that still count, about: the older ones are down to 1/e.
    private static let memory: UInt64 = 32
    /// What the starting ratio weighs, in bytes: as much as half of a usual first prompt.
    private static let priorBytes: UInt64 = 512
    /// Bytes and tokens beyond these are taken for these: sums stay below 2⁶³.
    private static let ceiling = 1_000_000_000
    /// Fraction bits of the sums: a 32nd of a small sum is not rounded away.
    private static let sumBits: UInt64 = 16

    /// Both in 2⁻¹⁶: at most 32 × 10⁹ × 2¹⁶ < 2⁵².
    private var bytes: UInt64 = priorBytes << sumBits
    private var tokens: UInt64 = priorBytes << sumBits / UInt64(initialBytesPerToken)
    /// The mean error of the estimates, and how many it is of.
    private var error = ErrorMean()

    /// Starts at ``initialBytesPerToken``.
    package init() {}

    /// Calls that were learned from; stops at `Int.max`.
    package var samples: Int { error.samples }

    /// Mean absolute error of the last estimates, per mille of what was counted; nil before the first.
    /// 0…``ErrorMean/ceilingPerMille``.
    package var errorPerMille: Int? { error.perMille }

    /// Tokens of an input, at least 1.
    ///
    /// - Parameters:
    ///   - textBytes: bytes of text without what `fixedTokens` stands for.
    ///   - fixedTokens: tokens that are known without counting.
    package func estimate(textBytes: Int, fixedTokens: Int) -> Int {
        let text = UInt64(Self.bounded(textBytes))
        let wide = text.multipliedFullWidth(by: tokens)
        // No token is shorter than a byte, so tokens ≤ bytes holds for the sums and the quotient fits.
        let counted = Int(bytes.dividingFullWidth((wide.high, wide.low)).quotient)
        return max(1, counted + Self.bounded(fixedTokens))
    }

    /// Learns from what the provider counted. Absurd counts teach little: a sample is held between a quarter and four
    /// times of what was expected, and outweighs no more than all that was learned before.
    ///
    /// - Parameter actual: input tokens by the provider's usage; a count that is no count is ignored.
    package mutating func learn(textBytes: Int, fixedTokens: Int, actual: Int) {
        guard actual > 0, actual <= Self.ceiling, textBytes >= 0, fixedTokens >= 0 else { return }
        error.add(estimate: estimate(textBytes: textBytes, fixedTokens: fixedTokens), actual: actual)
        let text = Self.bounded(textBytes)
        let counted = actual - Self.bounded(fixedTokens)
        // Where text is the smaller part of the whole, an error of the rules for the rest would pass for its density.
        guard text > 0, counted > 0, counted >= actual / 4 else { return }
        take(bytes: UInt64(text), tokens: UInt64(counted))
    }

    private mutating func take(bytes textBytes: UInt64, tokens counted: UInt64) {
        let expected = max(1, UInt64(estimate(textBytes: Int(textBytes), fixedTokens: 0)))
        let believed = min(max(counted, expected / 4), expected * 4, textBytes)
        // A first sample, or a sudden giant, weighs as much as everything before it, not more.
        let weight = min(textBytes << Self.sumBits, bytes)
        let wide = believed.multipliedFullWidth(by: weight)
        let share = textBytes.dividingFullWidth((wide.high, wide.low)).quotient
        bytes = bytes - bytes / Self.memory + weight
        tokens = tokens - tokens / Self.memory + share
        // Rounding must not let a ratio of one creep above it.
        tokens = min(max(1, tokens), bytes)
        assert(bytes < 1 << 52 && tokens <= bytes, "sums out of bounds: \(tokens) tokens, \(bytes) bytes")
    }

    private static func bounded(_ value: Int) -> Int { min(max(0, value), ceiling) }
}

/// An exponentially weighted mean of absolute relative errors.
package struct ErrorMean: Sendable, Equatable {
    /// An error of a factor of eleven and one of a thousand are alike: the estimate was useless.
    package static let ceilingPerMille = 10_000
    /// Samples that still count, about.
    private static let memory = 32

    private(set) package var samples = 0
    /// In 1/1024 per mille.
    private var scaled = 0

    /// The mean; nil before the first sample. 0…``ceilingPerMille``.
    package var perMille: Int? { samples == 0 ? nil : (scaled + 512) >> 10 }

    /// Adds one estimate's error relative to `actual` (at least 1).
    mutating func add(estimate: Int, actual: Int) {
        precondition(actual > 0, "no error is relative to \(actual)")
        precondition(estimate >= 0, "an estimate is not negative: \(estimate)")
        let (product, overflow) = abs(estimate - actual).multipliedReportingOverflow(by: 1000)
        let error = overflow ? Self.ceilingPerMille : min(Self.ceilingPerMille, product / actual)
        if samples < Int.max { samples += 1 }
        // The first samples are averaged plainly, or the first would count for 32.
        scaled += (error << 10 - scaled) / min(samples, Self.memory)
    }
}
