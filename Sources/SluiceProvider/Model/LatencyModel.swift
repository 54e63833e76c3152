/// How long the stand-in's model takes: a time to first token and a pace, each with a log-normal spread.
///
/// Sigma 0 is exact, sigma 0.5 has a 99th percentile of 3.2 × the median, and sigma 1 one of 10.2 ×.
package struct LatencyModel: Sendable, Equatable {
    /// Median time to the first token, in milliseconds; 0 answers at once.
    package var firstTokenMS: Double
    /// Spread of the time to the first token: the standard deviation of its logarithm, 0 … 3.
    package var firstTokenSigma: Double
    /// Median pace after the first token; 0 means as fast as the machine goes.
    package var tokensPerSecond: Double
    /// Spread of the gap between tokens: the standard deviation of its logarithm, 0 … 3.
    package var gapSigma: Double

    /// Longest single delay that is ever drawn, in nanoseconds: ten minutes.
    static let maxDelayNS: Double = 600e9

    /// A model; everything 0 answers at once.
    package init(
        firstTokenMS: Double = 0, firstTokenSigma: Double = 0, tokensPerSecond: Double = 0, gapSigma: Double = 0
    ) {
        self.firstTokenMS = firstTokenMS
        self.firstTokenSigma = firstTokenSigma
        self.tokensPerSecond = tokensPerSecond
        self.gapSigma = gapSigma
    }

    /// Nanoseconds until the first token.
    func firstTokenDelayNS(_ random: inout SplitMix64) -> Int {
        Self.draw(medianNS: firstTokenMS * 1e6, sigma: firstTokenSigma, &random)
    }

    /// Nanoseconds that `tokens` more tokens take.
    func gapNS(tokens: Int, _ random: inout SplitMix64) -> Int {
        guard tokensPerSecond > 0, tokens > 0 else { return 0 }
        return Self.draw(medianNS: Double(tokens) * 1e9 / tokensPerSecond, sigma: gapSigma, &random)
    }

    private static func draw(medianNS: Double, sigma: Double, _ random: inout SplitMix64) -> Int {
        guard medianNS > 0 else { return 0 }
        return Int(min(random.logNormal(median: medianNS, sigma: sigma), maxDelayNS))
    }
}
