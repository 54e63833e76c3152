import SluicePolicy
import Testing

@Suite("Expected output")
struct EstimationOutputTests {
    /// How an answer's length is drawn, with its true 95th percentile.
    enum Lengths: CaseIterable {
        case even, short, skewed, constant

        var percentile: Double {
            switch self {
            case .even: 950
            case .short: 19
            case .skewed: 767
            case .constant: 333
            }
        }

        func draw(_ random: inout SeededRandom) -> Int {
            switch self {
            case .even: return random.pick(1...1_000)
            case .short: return random.pick(1...20)
            case .skewed:
                // Every doubling up to 1,024 is as likely as the next.
                let doubling = 1 << random.pick(0...9)
                return doubling + random.pick(0...(doubling - 1))
            case .constant: return 333
            }
        }
    }

    /// Averaged over its later states: a single state is itself a draw, some percent wide.
    @Test("Settles within 5 % of the 95th percentile", arguments: Lengths.allCases, [1, 2, 3] as [UInt64])
    func stationary(_ lengths: Lengths, _ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var quantile = OutputQuantile()
        var sum = 0.0
        for step in 0..<6_000 {
            quantile.learn(lengths.draw(&random))
            if step >= 2_000 { sum += Double(try #require(quantile.percentile)) }
        }
        let mean = sum / 4_000
        #expect(abs(mean - lengths.percentile) <= 0.05 * lengths.percentile, "\(mean)")
    }

    @Test("Of all states after settling, 95 % are within 15 %", arguments: [Lengths.even, .skewed])
    func spread(_ lengths: Lengths) throws {
        var random = SeededRandom(seed: 7)
        var quantile = OutputQuantile()
        var far = 0
        for step in 0..<6_000 {
            quantile.learn(lengths.draw(&random))
            guard step >= 2_000 else { continue }
            let error = abs(Double(try #require(quantile.percentile)) - lengths.percentile)
            if error > 0.15 * lengths.percentile { far += 1 }
        }
        #expect(far <= 200, "\(far) of 4000")
    }

    @Test("Follows longer answers within 40 calls, and shorter ones within 600", arguments: [1, 2, 3] as [UInt64])
    func shift(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var quantile = OutputQuantile()
        for _ in 0..<5_000 { quantile.learn(random.pick(50...100)) }
        for _ in 0..<40 { quantile.learn(random.pick(2_000...4_000)) }
        #expect(try #require(quantile.percentile) >= 2_000)
        for _ in 0..<5_000 { quantile.learn(random.pick(2_000...4_000)) }
        for _ in 0..<600 { quantile.learn(random.pick(50...100)) }
        #expect(try #require(quantile.percentile) <= 105)
    }

    @Test("Says nothing before twenty answers, then never falls silent")
    func silence() {
        var quantile = OutputQuantile()
        for step in 1...2_000 {
            quantile.learn(step.isMultiple(of: 300) ? 1_000_000 : step)
            #expect((quantile.percentile == nil) == (step < OutputQuantile.minimumSamples))
        }
    }

    @Test("The same answers give the same figure, and absurd ones overflow nothing")
    func absurd() throws {
        var quantiles = [OutputQuantile(), OutputQuantile()]
        for _ in 0..<500 {
            for tokens in [0, -1, Int.min, Int.max, 1 << 20, (1 << 20) - 1, 1, 15, 16, 17] {
                for index in quantiles.indices { quantiles[index].learn(tokens) }
            }
            #expect(quantiles[0] == quantiles[1])
        }
        #expect((0...OutputQuantile.ceiling).contains(try #require(quantiles[0].percentile)))
    }

    @Test(
        "A maximum of the caller's counts first, then the tenant, then the model, then the documented figure",
        arguments: [
            (10, 20, 30, nil, 10, ExpectedOutput.Basis.asked), (nil, 20, 30, nil, 20, .tenant),
            (nil, nil, 30, nil, 30, .model), (nil, nil, nil, nil, 256, .documented), (nil, 1, 300, nil, 1, .tenant),
            (0, 20, 30, nil, 0, .asked), (900, nil, nil, 100, 100, .asked), (nil, 900, nil, 100, 100, .tenant),
            (nil, nil, nil, 100, 100, .documented), (-5, nil, nil, nil, 0, .asked),
        ] as [(Int?, Int?, Int?, Int?, Int, ExpectedOutput.Basis)])
    func order(
        _ asked: Int?, _ tenant: Int?, _ model: Int?, _ ceiling: Int?, _ tokens: Int, _ basis: ExpectedOutput.Basis
    ) {
        let expected = ExpectedOutput(asked: asked, tenant: tenant, model: model, ceiling: ceiling)
        #expect(expected.tokens == tokens && expected.basis == basis)
    }
}
