import Glibc

/// The SplitMix64 generator (Steele, Lea, Flood 2014): tiny, seedable, and the same on every machine.
///
/// The stand-in draws every random thing from it, so that a seed repeats a run.
struct SplitMix64: RandomNumberGenerator, Sendable {
    private(set) var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Uniform in 0 ..< 1, on a grid of 2⁻⁵³.
    mutating func unit() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// Uniform in 0 ..< `bound`; `bound` must be positive. The bias is below `bound` / 2⁶⁴.
    mutating func index(below bound: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// `median · exp(sigma · z)` with z standard normal (Box and Muller, 1958); sigma 0 draws nothing and is exact.
    mutating func logNormal(median: Double, sigma: Double) -> Double {
        guard sigma > 0 else { return median }
        let radius = sqrt(-2 * log(1 - unit()))
        return median * exp(sigma * radius * cos(2 * Double.pi * unit()))
    }

    /// `count` lower-case hexadecimal digits.
    mutating func hex(_ count: Int) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var output: [UInt8] = []
        output.reserveCapacity(count)
        var word: UInt64 = 0
        for position in 0..<count {
            if position % 16 == 0 { word = next() }
            output.append(digits[Int(word & 15)])
            word >>= 4
        }
        return String(decoding: output, as: UTF8.self)
    }
}

/// 64-bit FNV-1a: a stable hash for seeds and for telling bodies apart; not against an adversary.
struct FNV1a: Sendable {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func combine(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }

    mutating func combine(_ number: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) {
            value = (value ^ (number >> UInt64(shift) & 0xFF)) &* 0x100_0000_01B3
        }
    }
}
