import SluicePolicy

/// What each lane of one pool was served over the seconds in which every lane that is used at all had calls waiting.
struct LaneShareCheck {
    private let shares: [Int]
    private let isUsed: [Bool]
    private var waiting = [Int](repeating: 0, count: PolicyLane.count)
    private var fewest = [Int](repeating: 0, count: PolicyLane.count)
    private var service = [Int](repeating: 0, count: PolicyLane.count)
    private var counted = [Int](repeating: 0, count: PolicyLane.count)
    private var seconds = 0

    init(_ scenario: Scenario) {
        shares = scenario.policy.lanes.map(\.share)
        isUsed = PolicyLane.allCases.map { lane in scenario.traffic.contains { $0.lane == lane } }
    }

    mutating func queued(_ lane: PolicyLane, _ change: Int) {
        waiting[lane.rawValue] += change
        fewest[lane.rawValue] = min(fewest[lane.rawValue], waiting[lane.rawValue])
    }

    mutating func sent(_ lane: PolicyLane, charge: Int) { service[lane.rawValue] += charge }

    mutating func second() {
        let allWait = isUsed.indices.allSatisfy { !isUsed[$0] || fewest[$0] > 0 }
        if allWait {
            seconds += 1
            for lane in counted.indices { counted[lane] += service[lane] }
        }
        fewest = waiting
        service = Array(repeating: 0, count: service.count)
    }

    /// Nothing is concluded from less than 100 seconds.
    var isEnough: Bool { seconds >= 100 && counted.contains { $0 > 0 } }

    /// What is wrong, if anything is.
    var complaint: String? {
        let total = counted.reduce(0, +)
        let used = isUsed.indices.filter { isUsed[$0] }
        let shareSum = used.reduce(0) { $0 + shares[$1] }
        guard isEnough else { return nil }
        for lane in used where counted[lane] * shareSum * 10 < total * shares[lane] * 9 {
            return "lane \(LaneNames.all[lane]) got \(counted[lane]) of \(total), its share is \(shares[lane]) of "
                + "\(shareSum), over \(seconds) s"
        }
        return nil
    }
}
