import SluicePolicy

/// Two tenants of one lane of one pool that both have calls waiting must be served alike: over any interval in which
/// both wait, weighted service differs by at most one largest call of each,
/// |W_f/w_f − W_g/w_g| ≤ L_f/w_f + L_g/w_g (Goyal, Vin, Cheng, *Start-time Fair Queueing*, 1996, Theorem 1).
///
/// Counted in whole numbers, cross-multiplied by both weights. A pair's difference is followed from the moment both
/// wait; no two of its values may be further apart than the bound, which covers every interval at once. The scheduler
/// keeps its tags in parts of a token and rounds each step; that much is allowed for, dispatch by dispatch.
struct FairnessCheck {
    private struct Flow {
        var weight: Int
        var waiting = 0
        /// Charge dispatched.
        var service = 0
        /// Largest charge of any call that was let in.
        var largest = 0
        var dispatches = 0
    }

    private struct Pair {
        var isOpen = false
        var least = 0
        var most = 0
        /// Dispatches of both before the pair's interval began.
        var before = 0
    }

    private let tenants: Int
    private var flows: [Flow]
    private var pairs: [Pair]
    /// Whether the scenario lets tenants be compared: no ceilings of their own, no bulkheads, one group.
    var isOn = false

    /// Tenants that are compared with each other; more are counted and not compared.
    static let maximumTenants = 24
    /// Parts of a token in a scheduler's tag.
    private static let tagScale = 4096

    init(_ scenario: Scenario, pools: Int) {
        tenants = min(scenario.tenants.count, Self.maximumTenants)
        let lanes = pools * PolicyLane.count
        flows = []
        for _ in 0..<lanes {
            flows += scenario.tenants.prefix(tenants).map { Flow(weight: $0.parameters.weight) }
        }
        pairs = Array(repeating: Pair(), count: lanes * tenants * tenants)
    }

    mutating func queued(_ live: LiveCall, charge: Int) {
        guard isOn, let (lane, tenant) = place(live) else { return }
        let index = lane * tenants + tenant
        flows[index].waiting += 1
        flows[index].largest = max(flows[index].largest, charge)
        guard flows[index].waiting == 1 else { return }
        for other in 0..<tenants where other != tenant && flows[lane * tenants + other].waiting > 0 {
            open(lane, min(tenant, other), max(tenant, other))
        }
    }

    mutating func left(_ live: LiveCall) {
        guard isOn, let (lane, tenant) = place(live) else { return }
        let index = lane * tenants + tenant
        flows[index].waiting -= 1
        guard flows[index].waiting == 0 else { return }
        for other in 0..<tenants { pairs[pair(lane, min(tenant, other), max(tenant, other))].isOpen = false }
    }

    /// - Returns: what is wrong, if anything is.
    mutating func sent(_ live: LiveCall, charge: Int) -> String? {
        guard isOn, let (lane, tenant) = place(live) else { return nil }
        flows[lane * tenants + tenant].service += charge
        flows[lane * tenants + tenant].dispatches += 1
        var complaint: String?
        for other in 0..<tenants where other != tenant && flows[lane * tenants + other].waiting > 0 {
            complaint = follow(lane, min(tenant, other), max(tenant, other)) ?? complaint
        }
        left(live)
        return complaint
    }

    private mutating func open(_ lane: Int, _ low: Int, _ high: Int) {
        let difference = difference(lane, low, high)
        pairs[pair(lane, low, high)] = Pair(
            isOpen: true, least: difference, most: difference, before: dispatches(lane, low, high))
    }

    private func dispatches(_ lane: Int, _ low: Int, _ high: Int) -> Int {
        flows[lane * tenants + low].dispatches + flows[lane * tenants + high].dispatches
    }

    private mutating func follow(_ lane: Int, _ low: Int, _ high: Int) -> String? {
        let index = pair(lane, low, high)
        guard pairs[index].isOpen else { return nil }
        let difference = difference(lane, low, high)
        pairs[index].least = min(pairs[index].least, difference)
        pairs[index].most = max(pairs[index].most, difference)
        let (first, second) = (flows[lane * tenants + low], flows[lane * tenants + high])
        let steps = dispatches(lane, low, high) - pairs[index].before
        let rounding = steps * first.weight * second.weight / Self.tagScale + 1
        let bound = first.largest * second.weight + second.largest * first.weight + rounding
        let spread = pairs[index].most - pairs[index].least
        guard spread > bound else { return nil }
        open(lane, low, high)
        return "tenants \(low) and \(high) of lane \(lane % PolicyLane.count) differ by \(spread), bound \(bound)"
    }

    private func difference(_ lane: Int, _ low: Int, _ high: Int) -> Int {
        let (first, second) = (flows[lane * tenants + low], flows[lane * tenants + high])
        return first.service * second.weight - second.service * first.weight
    }

    private func pair(_ lane: Int, _ low: Int, _ high: Int) -> Int { (lane * tenants + low) * tenants + high }

    private func place(_ live: LiveCall) -> (lane: Int, tenant: Int)? {
        guard let tenant = live.call.tenant, tenant < tenants else { return nil }
        return (live.pool.index * PolicyLane.count + live.call.lane.rawValue, tenant)
    }
}
