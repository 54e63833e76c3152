import SluicePolicy
import Testing

@Suite("Calibration of the input")
struct EstimationInputTests {
    @Test("Nothing learned: four bytes a token, the known tokens on top, at least 1")
    func start() {
        let calibration = InputCalibration()
        #expect(calibration.estimate(textBytes: 4_000, fixedTokens: 7) == 1_007)
        #expect(calibration.estimate(textBytes: 0, fixedTokens: 0) == 1)
        #expect(calibration.errorPerMille == nil && calibration.samples == 0)
    }

    /// Prompts of 40 to 40,000 bytes, each its own few percent off: the sum of the estimates is within 5 % of the sum
    /// of the counts.
    @Test("Settles within 5 % on what stays the same", arguments: Seeds.range(dividedBy: 10))
    func stationary(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let perMille = random.pick(50...950)
        let fixed = random.pick(0...20)
        var calibration = InputCalibration()
        var (estimated, counted) = (0, 0)
        for step in 0..<600 {
            let bytes = random.pick(40...random.element([100, 4_000, 40_000]))
            let actual = max(1, fixed + bytes * perMille * random.pick(95...105) / 100_000)
            if step >= 200 {
                estimated += calibration.estimate(textBytes: bytes, fixedTokens: fixed)
                counted += actual
            }
            calibration.learn(textBytes: bytes, fixedTokens: fixed, actual: actual)
        }
        #expect(abs(estimated - counted) * 20 <= counted, "\(perMille) per mille: \(estimated) for \(counted)")
        #expect((calibration.errorPerMille ?? 1_000) < 120)
    }

    @Test("Follows a shift either way", arguments: [(100, 900), (900, 100), (250, 700)])
    func shift(_ before: Int, _ after: Int) {
        var calibration = InputCalibration()
        for _ in 0..<500 { calibration.learn(textBytes: 2_000, fixedTokens: 7, actual: 7 + 2 * before) }
        #expect(abs(calibration.estimate(textBytes: 1_000, fixedTokens: 0) - before) * 20 <= before)
        for _ in 0..<200 { calibration.learn(textBytes: 2_000, fixedTokens: 7, actual: 7 + 2 * after) }
        #expect(abs(calibration.estimate(textBytes: 1_000, fixedTokens: 0) - after) * 20 <= after)
    }

    @Test("One absurd count, or one giant prompt, moves an estimate by less than half again")
    func outlier() {
        var calibration = InputCalibration()
        for _ in 0..<100 { calibration.learn(textBytes: 1_000, fixedTokens: 0, actual: 250) }
        var absurd = calibration
        absurd.learn(textBytes: 1_000, fixedTokens: 0, actual: 1_000_000_000)
        #expect((250...300).contains(absurd.estimate(textBytes: 1_000, fixedTokens: 0)))
        var giant = calibration
        giant.learn(textBytes: 16_000_000, fixedTokens: 0, actual: 2_000_000)
        #expect((180...260).contains(giant.estimate(textBytes: 1_000, fixedTokens: 0)))
    }

    @Test("A call whose text is the smaller part teaches no density, but its error is told")
    func frames() {
        var calibration = InputCalibration()
        for _ in 0..<100 { calibration.learn(textBytes: 40, fixedTokens: 765, actual: 900) }
        #expect(calibration.estimate(textBytes: 4_000, fixedTokens: 0) == 1_000)
        #expect(calibration.samples == 100 && (calibration.errorPerMille ?? 0) > 100)
    }

    @Test("The error told is the mean of the errors made")
    func error() {
        var calibration = InputCalibration()
        calibration.learn(textBytes: 0, fixedTokens: 150, actual: 100)
        #expect(calibration.errorPerMille == 500)
        for _ in 0..<300 { calibration.learn(textBytes: 0, fixedTokens: 80, actual: 100) }
        #expect(calibration.errorPerMille == 200)
        for _ in 0..<600 { calibration.learn(textBytes: 0, fixedTokens: 1_000_000, actual: 1) }
        #expect(calibration.errorPerMille == ErrorMean.ceilingPerMille)
    }

    @Test("No input overflows, and no estimate leaves one token a byte", arguments: Seeds.range(dividedBy: 10))
    func absurd(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let extremes = [0, 1, 2, 15, 1_000, 1_000_000_000, Int.max, -1, Int.min]
        var calibration = InputCalibration()
        for _ in 0..<2_000 {
            calibration.learn(
                textBytes: random.element(extremes), fixedTokens: random.element(extremes),
                actual: random.element(extremes))
            #expect((1...1_000).contains(calibration.estimate(textBytes: 1_000, fixedTokens: 0)))
            #expect(calibration.estimate(textBytes: Int.max, fixedTokens: Int.max) <= 2_000_000_000)
        }
    }

    @Test("What the provider adds is learned as a mean")
    func hidden() {
        var hidden = HiddenInput()
        #expect(hidden.expectedTokens == 0)
        for step in 0..<400 { hidden.learn(visible: 100, actual: step.isMultiple(of: 2) ? 1_000 : 1_200) }
        #expect((950...1_050).contains(hidden.expectedTokens))
        for _ in 0..<400 { hidden.learn(visible: 100, actual: 50) }
        #expect(hidden.expectedTokens == 0)
        for count in [Int.max, Int.min, -1] { hidden.learn(visible: count, actual: Int.max) }
        #expect(hidden.expectedTokens <= 1_000_000_000)
    }
}
