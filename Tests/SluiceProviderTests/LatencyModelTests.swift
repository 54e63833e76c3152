import Testing

@testable import SluiceProvider

@Suite("Latency model of the stand-in")
struct LatencyModelTests {
    @Test("without a spread every draw is the median")
    func exact() {
        var random = SplitMix64(seed: 1)
        let model = LatencyModel(firstTokenMS: 250, tokensPerSecond: 50)
        #expect(model.firstTokenDelayNS(&random) == 250_000_000)
        #expect(model.gapNS(tokens: 1, &random) == 20_000_000)
        #expect(model.gapNS(tokens: 10, &random) == 200_000_000)
        #expect(model.gapNS(tokens: 0, &random) == 0)
        #expect(LatencyModel().firstTokenDelayNS(&random) == 0)
        #expect(LatencyModel().gapNS(tokens: 5, &random) == 0)
    }

    @Test("median and 99th percentile are those of the log-normal")
    func quantiles() {
        var random = SplitMix64(seed: 42)
        let model = LatencyModel(firstTokenMS: 100, firstTokenSigma: 0.5)
        let draws = (0..<20_000).map { _ in Double(model.firstTokenDelayNS(&random)) / 1e6 }.sorted()
        #expect((97...103).contains(draws[10_000]))
        #expect((300...345).contains(draws[19_800]), "exp(0.5 · 2.326) is 3.2")
    }

    @Test("the same seed draws the same delays, and the tail is bounded")
    func seeds() {
        func draws(_ seed: UInt64) -> [Int] {
            var random = SplitMix64(seed: seed)
            return (0..<10).map { _ in LatencyModel(firstTokenMS: 1e9, firstTokenSigma: 3).firstTokenDelayNS(&random) }
        }
        #expect(draws(3) == draws(3))
        #expect(draws(3).allSatisfy { $0 > 0 && $0 <= 600_000_000_000 })
    }

    @Test("the generator is SplitMix64")
    func reference() {
        var random = SplitMix64(seed: 1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
    }
}
