import Glibc
import SluicePolicy

/// What one decision of the policy core costs, with a queue behind it: the engine alone, no socket and no provider.
package struct PolicyBench: Sendable {
    /// Calls that wait while it is measured.
    package var queued: Int
    package var tenants: Int
    /// Keys of the group that calls arrive for.
    package var keys: Int

    package init(queued: Int, tenants: Int, keys: Int) {
        precondition(queued >= 0 && tenants > 0 && keys > 0, "nothing to measure")
        self.queued = queued
        self.tenants = tenants
        self.keys = keys
    }

    /// The cases that are printed: the bound's own, smaller and larger ones beside it to see how cost grows.
    package static let cases = [
        PolicyBench(queued: 0, tenants: 1_000, keys: 1), PolicyBench(queued: 100, tenants: 10, keys: 1),
        PolicyBench(queued: 10_000, tenants: 1_000, keys: 1), PolicyBench(queued: 100_000, tenants: 1_000, keys: 1),
        PolicyBench(queued: 10_000, tenants: 1_000, keys: 3),
    ]

    /// Nanoseconds of one decision each: letting a call in, and taking in an attempt's end, which sends the next call.
    package struct Cost: Sendable, Equatable {
        package var arrive: Int
        package var attemptEnded: Int
    }

    /// Decisions of each kind in one round, a multiple of 100.
    package var decisions = 100_000
    /// They come in blocks short enough for the queue to stay about as long.
    private static let block = 100

    /// Medians of `rounds` rounds, each on a fresh engine.
    package func run(rounds: Int = 5) -> Cost {
        let costs = (0..<max(1, rounds)).map { _ in round() }
        let middle = costs.count / 2
        return Cost(
            arrive: costs.map(\.arrive).sorted()[middle], attemptEnded: costs.map(\.attemptEnded).sorted()[middle])
    }

    private func round() -> Cost {
        var bed = PolicyBed(self)
        for _ in 0..<(queued + 64 * keys) { bed.arrive() }
        var (arriving, ending) = (0, 0)
        for _ in 0..<(decisions / Self.block) {
            arriving += Self.nanoseconds { for _ in 0..<Self.block { bed.arrive() } }
            ending += Self.nanoseconds { for _ in 0..<Self.block { bed.end() } }
        }
        return Cost(arrive: arriving / decisions, attemptEnded: ending / decisions)
    }

    private static func nanoseconds(_ work: () -> Void) -> Int {
        let start = now()
        work()
        return now() - start
    }

    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}

/// An engine under load: every end makes room for the call whose turn it is.
private struct PolicyBed {
    private var engine = PolicyEngine()
    private var state: UInt64 = 7
    private let group: GroupID
    private let tenants: [TenantID]
    private var running: [CallID] = []
    private var effects: [Effect] = []
    private var time: Int64 = 1

    init(_ bench: PolicyBench) {
        let start = MonotonicTime(microseconds: 0)
        let settings = PoolParameters(
            limits: PoolLimits(maxInFlight: 64), queueCalls: bench.queued * 2 + 1_000, queueBytes: 1 << 40)
        var engine = engine
        group = engine.addGroup((0..<bench.keys).map { _ in engine.addPool(settings, at: start) })
        tenants = (0..<bench.tenants).map { engine.addTenant(TenantParameters(weight: 1 + $0 % 7), at: start) }
        self.engine = engine
    }

    private var now: MonotonicTime { MonotonicTime(microseconds: time) }

    private mutating func random(below bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }

    mutating func arrive() {
        time += 1
        let lane: PolicyLane =
            switch random(below: 3) {
            case 0: .normal
            case 1: .batch
            default: .backfill
            }
        let deadline = now.advanced(byMicroseconds: 86_400_000_000 + Int64(random(below: 1_000_000)))
        let arrival = Arrival(
            group: group, lane: lane, tenant: tenants[random(below: tenants.count)],
            cost: CallCost(tokens: random(below: 2_000)), bytes: 1_000, deadline: deadline)
        _ = try? engine.arrive(arrival, at: now, into: &effects)
        gather()
    }

    mutating func end() {
        guard !running.isEmpty else { return }
        time += 1
        let index = random(below: running.count)
        let id = running[index]
        running[index] = running[running.count - 1]
        running.removeLast()
        _ = engine.attemptEnded(
            id, .success(usedTokens: random(below: 2_000)), mayRetry: true, serviceMicroseconds: 1_000_000,
            random: state, at: now, into: &effects)
        gather()
    }

    private mutating func gather() {
        for case .send(let id, _) in effects { running.append(id) }
        effects.removeAll(keepingCapacity: true)
    }
}
