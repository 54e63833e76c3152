import Foundation
import Testing

@testable import SluiceConfig

/// Random inputs, the same for the same seed. `SLUICE_FUZZ_INPUTS` sets how many, `SLUICE_FUZZ_SEED` where to begin;
/// run long ones with the address sanitizer and optimised:
///
///     SLUICE_FUZZ_INPUTS=10000000 swift test -c release --sanitize=address -Xswiftc -enable-testing \
///         --filter FuzzTests
@Suite("Random files")
struct FuzzTests {
    private static func number(_ name: String, default value: UInt64) -> UInt64 {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } ?? value
    }

    @Test("any file ends in a configuration that renders and reads back, or in problems with a place")
    func totality() {
        let first = Self.number("SLUICE_FUZZ_SEED", default: 0)
        let count = Self.number("SLUICE_FUZZ_INPUTS", default: 4000)
        var accepted = 0
        for seed in first..<(first + count) {
            let input = seed % 2 == 0 ? Array(LexicalGuardTests.soup(seed).utf8) : Self.mutation(seed)
            do {
                let configuration = try ConfigurationLoader.parse(input, file: "f")
                accepted += 1
                // Rendering costs more than reading; a sample of the valid ones is enough.
                guard seed % 13 == 0 else { continue }
                let again = try? ConfigurationLoader.parse(Array(configuration.yaml().utf8), file: "f")
                if again != configuration { Issue.record("seed \(seed): \(String(decoding: input, as: UTF8.self))") }
            } catch {
                let hasPlaces = !error.problems.isEmpty && error.problems.allSatisfy { !$0.message.isEmpty }
                if !hasPlaces { Issue.record("seed \(seed): \(error)") }
            }
        }
        #expect(accepted > 0)
    }

    private static let lines = everything.split(separator: "\n", omittingEmptySubsequences: false).map {
        Array($0.utf8)
    }
    private static let bytes = Array("\0\t\n\r \"'#%&*,-.:0159?@AZ[\\]`az{|}~".utf8) + [0x80, 0xC3, 0xA9, 0xE2, 0xFF]

    /// A few lines of a valid file with some bytes changed, inserted or removed.
    private static func mutation(_ seed: UInt64) -> [UInt8] {
        var random = SplitMix(state: seed)
        let start = random.below(lines.count)
        var text = Array(lines[start..<min(lines.count, start + 1 + random.below(10))].joined(separator: [0x0A]))
        for _ in 0..<random.below(6) where !text.isEmpty {
            let position = random.below(text.count)
            switch random.below(3) {
            case 0: text[position] = bytes[random.below(bytes.count)]
            case 1: text.insert(bytes[random.below(bytes.count)], at: position)
            default: text.remove(at: position)
            }
        }
        return text
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same on every machine.
private struct SplitMix {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }
}
