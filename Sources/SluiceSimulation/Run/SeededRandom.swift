import Glibc

/// The SplitMix64 generator (Steele, Lea, Flood, *Fast Splittable Pseudorandom Number Generators*, 2014): the only
/// source of chance in a simulation.
///
/// Streams are derived from the run's seed and a few numbers, so that what one part draws never depends on how much
/// another part drew: a run with one tenant more repeats the arrivals and service times of all the others.
struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// A stream of its own for every path of numbers under a seed.
    init(seed: UInt64, path: UInt64...) {
        var digest = Digest()
        digest.add(seed)
        for number in path { digest.add(number) }
        state = digest.value
        _ = next()
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Uniform in 0 ..< 1, on a grid of 2⁻⁵³.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Uniform in 0 ..< `bound`.
    mutating func index(below bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }

    /// Uniform in a range of whole numbers.
    mutating func pick(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + index(below: range.upperBound - range.lowerBound + 1)
    }

    /// One of a list that is not empty.
    mutating func element<Element>(_ list: [Element]) -> Element { list[index(below: list.count)] }

    /// True in `percent` of 100 draws.
    mutating func percent(_ percent: Double) -> Bool { unit() * 100 < percent }

    /// Standard normal (Box and Muller 1958).
    mutating func normal() -> Double {
        sqrt(-2 * log(1 - unit())) * cos(2 * Double.pi * unit())
    }

    /// Exponential with this mean: the gap between events of a Poisson process.
    mutating func exponential(mean: Double) -> Double { -mean * log(1 - unit()) }
}

/// A hash of whole numbers in their order, each multiplied and folded in: names a run, and tells two runs apart.
struct Digest: Sendable, Equatable {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ number: UInt64) {
        value = (value ^ number) &* 0x9E37_79B9_7F4A_7C15
        value ^= value >> 29
    }

    mutating func add(_ number: Int64) { add(UInt64(bitPattern: number)) }
    mutating func add(_ number: Int) { add(UInt64(bitPattern: Int64(number))) }
}
