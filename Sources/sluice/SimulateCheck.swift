import ArgumentParser
import Dispatch
import SluiceSimulation
import Synchronization

/// `sluice simulate --check`: many seeds, each in a run of its own, as many at a time as there are processors.
struct SimulateCheck {
    let range: SeedRange
    let hours: Double
    let jobs: Int
    let json: Bool

    private struct Sum {
        var seeds = 0
        var calls = 0
        var attempts = 0
        var honestAttempts = 0
        var honestRefusals = 0
        var broken: [UInt64] = []
        var held = [Int](repeating: 0, count: Invariant.allCases.count)
    }

    /// Broken seeds that are listed at the end.
    private static let listed = 100

    func run() throws {
        let sum = Mutex(Sum())
        let next = Atomic<UInt64>(range.first)
        let duration = Int64((hours * 3_600_000_000).rounded())
        DispatchQueue.concurrentPerform(iterations: jobs) { _ in
            while true {
                let seed = next.add(1, ordering: .relaxed).oldValue
                guard seed <= range.last else { return }
                let check = SeedCheck(seed: seed, durationMicroseconds: duration)
                sum.withLock { add(check, to: &$0) }
            }
        }
        try report(sum.withLock { $0 })
    }

    private func add(_ check: SeedCheck, to sum: inout Sum) {
        sum.seeds += 1
        sum.calls += check.calls
        sum.attempts += check.attempts
        sum.honestAttempts += check.honestAttempts
        sum.honestRefusals += check.honestRefusals
        for invariant in check.checked { sum.held[Invariant.allCases.firstIndex(of: invariant) ?? 0] += 1 }
        guard !check.violations.isEmpty else { return }
        if sum.broken.count < Self.listed { sum.broken.append(check.seed) }
        for violation in check.violations {
            Terminal.complain("seed \(check.seed) (\(check.kind)): \(violation)")
        }
    }

    private func report(_ sum: Sum) throws {
        let isQuiet = sum.honestRefusals * 1000 <= max(sum.honestAttempts, 1000)
        if json { sayJSON(sum) } else { say(sum) }
        guard sum.broken.isEmpty, isQuiet else { throw ExitCode(1) }
    }

    private func say(_ sum: Sum) {
        for (invariant, count) in zip(Invariant.allCases, sum.held) {
            let name = invariant.rawValue + String(repeating: " ", count: 14 - invariant.rawValue.count)
            Terminal.say("\(name) held against \(count) seeds: \(invariant.explanation)")
        }
        Terminal.say(
            "\(sum.seeds) seeds of \(hours) virtual hours, \(sum.calls) calls, \(sum.attempts) attempts; before honest "
                + "providers \(sum.honestRefusals) 429s in \(sum.honestAttempts) attempts")
        let seeds = sum.broken.sorted().map(String.init).joined(separator: ", ")
        Terminal.say(sum.broken.isEmpty ? "no invariant was broken" : "broken by seeds \(seeds)")
    }

    private func sayJSON(_ sum: Sum) {
        var object = JSONObject()
        object.add("seeds", raw: String(sum.seeds))
        object.add("virtual_hours_each", raw: String(hours))
        object.add("calls", raw: String(sum.calls))
        object.add("attempts", raw: String(sum.attempts))
        object.add("honest_attempts", raw: String(sum.honestAttempts))
        object.add("honest_rate_limited", raw: String(sum.honestRefusals))
        object.add("broken_seeds", raw: "[\(sum.broken.sorted().map(String.init).joined(separator: ","))]")
        Terminal.say(object.text)
    }
}
