import SluicePolicy

/// Jain's index of weighted service, (Σx)² / (n · Σx²) (Jain, Chiu, Hawe, *A Quantitative Measure of Fairness and
/// Discrimination*, 1984), over windows of a minute and among the tenants of a lane that had calls waiting for the
/// whole of it: for them, and for them alone, unequal service is unfair. 1 is perfectly even.
struct ServiceBalance: Sendable {
    private struct Flow: Sendable {
        var waiting = 0
        var fewest = 0
        var service = 0
    }

    private let weights: [Int]
    private var flows: [Flow]
    private var sums = [Double](repeating: 0, count: PolicyLane.count)
    private var windows = [Int](repeating: 0, count: PolicyLane.count)
    private var seconds = 0

    private static let windowSeconds = 60

    init(_ scenario: Scenario, pools: Int) {
        weights = scenario.tenants.map(\.parameters.weight)
        flows = Array(repeating: Flow(), count: weights.isEmpty ? 0 : pools * PolicyLane.count * weights.count)
    }

    /// The mean over all windows with two tenants or more; nil where there was none.
    func index(_ lane: PolicyLane) -> Double? {
        windows[lane.rawValue] == 0 ? nil : sums[lane.rawValue] / Double(windows[lane.rawValue])
    }

    mutating func queued(_ live: LiveCall) { change(live, by: 1) }

    mutating func left(_ live: LiveCall) { change(live, by: -1) }

    mutating func sent(_ live: LiveCall, former: LiveCall, charge: Int) {
        if former.state == .queued { change(former, by: -1) }
        if let place = place(live) { flows[place].service += charge }
    }

    private mutating func change(_ live: LiveCall, by amount: Int) {
        guard let place = place(live) else { return }
        flows[place].waiting += amount
        flows[place].fewest = min(flows[place].fewest, flows[place].waiting)
    }

    private func place(_ live: LiveCall) -> Int? {
        live.call.tenant.map { (live.pool.index * PolicyLane.count + live.call.lane.rawValue) * weights.count + $0 }
    }

    mutating func second(at now: Int64) {
        seconds += 1
        guard seconds % Self.windowSeconds == 0 else { return }
        close()
    }

    /// Ends a window.
    mutating func close() {
        guard !weights.isEmpty else { return }
        for group in 0..<flows.count / weights.count {
            let range = group * weights.count..<(group + 1) * weights.count
            let shares = range.compactMap { index in
                flows[index].fewest > 0 ? Double(flows[index].service) / Double(weights[index - range.lowerBound]) : nil
            }
            if shares.count > 1 { add(shares, lane: group % PolicyLane.count) }
            for index in range {
                flows[index].fewest = flows[index].waiting
                flows[index].service = 0
            }
        }
    }

    private mutating func add(_ shares: [Double], lane: Int) {
        let sum = shares.reduce(0, +)
        let squares = shares.reduce(0) { $0 + $1 * $1 }
        sums[lane] += squares == 0 ? 1 : sum * sum / (Double(shares.count) * squares)
        windows[lane] += 1
    }
}
