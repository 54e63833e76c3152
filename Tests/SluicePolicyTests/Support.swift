import Foundation
import SluicePolicy

/// SplitMix64 (Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*, 2014): small, seeded, the same
/// everywhere.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A whole number in `range`, which is not quite uniform, but quick and the same in every Swift.
    mutating func pick(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }

    mutating func percent(_ chance: Int) -> Bool { pick(0...99) < chance }

    mutating func element<Element>(_ elements: [Element]) -> Element { elements[pick(0...elements.count - 1)] }
}

/// How long the seeded tests run.
enum Seeds {
    /// `SLUICE_SEEDS` in the environment: how many seeds each simulation tries, 200 where it is not set. For a long
    /// run: `SLUICE_SEEDS=20000 swift test -c release -Xswiftc -enable-testing --filter SluicePolicyTests`.
    static let count = ProcessInfo.processInfo.environment["SLUICE_SEEDS"].flatMap { UInt64($0) } ?? 200

    /// `share` of the seeds, at least one, for tests that cost more than a simulated hour.
    static func range(dividedBy share: UInt64 = 1) -> ClosedRange<UInt64> { 1...max(1, count / share) }
}

func at(_ microseconds: Int64) -> MonotonicTime { MonotonicTime(microseconds: microseconds) }

extension Int64 {
    /// Microseconds.
    static func seconds(_ seconds: Int64) -> Int64 { seconds * 1_000_000 }
}

/// What a bucket should hold, computed in 128 bits so that nothing can overflow or round.
struct ReferenceBucket {
    var rate: Int
    var capacity: Int
    var level: Int128
    var updatedAt: Int64

    static let scale: Int128 = 60_000_000

    init(rate: Int, capacity: Int, at now: Int64) {
        self.rate = rate
        self.capacity = capacity
        level = Int128(capacity) * Self.scale
        updatedAt = now
    }

    private var full: Int128 { Int128(capacity) * Self.scale }

    mutating func refill(_ now: Int64) {
        guard now > updatedAt else { return }
        level = min(full, level + Int128(now - updatedAt) * Int128(rate))
        updatedAt = now
    }

    func covers(_ amount: Int, at now: Int64) -> Bool {
        var copy = self
        copy.refill(now)
        return copy.level >= Int128(min(amount, capacity)) * Self.scale
    }

    mutating func add(_ amount: Int, at now: Int64) {
        refill(now)
        level = min(full, level + Int128(amount) * Self.scale)
    }

    /// Like ``add(_:at:)``, but into one minute's debt at most.
    mutating func correct(by amount: Int, at now: Int64) {
        refill(now)
        let floor = min(level, -Int128(rate) * Self.scale)
        add(amount, at: now)
        level = max(level, floor)
    }

    mutating func pullDown(to remaining: Int, at now: Int64) {
        refill(now)
        level = min(level, Int128(min(remaining, capacity)) * Self.scale)
    }

    mutating func resize(rate: Int, capacity: Int, at now: Int64) {
        refill(now)
        self.rate = rate
        self.capacity = capacity
        level = min(level, full)
    }

    /// Empty, and nothing flows in before `time`.
    mutating func hold(until time: Int64, at now: Int64) {
        refill(now)
        level = min(level, 0)
        updatedAt = max(updatedAt, time)
    }

    /// Whole units, rounded down.
    func available(at now: Int64) -> Int {
        var copy = self
        copy.refill(now)
        let (quotient, remainder) = copy.level.quotientAndRemainder(dividingBy: Self.scale)
        return Int(remainder < 0 ? quotient - 1 : quotient)
    }
}
