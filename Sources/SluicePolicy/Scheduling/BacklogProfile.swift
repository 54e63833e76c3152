/// How the backlog of a lane is spread over its flows, kept so that the work ahead of a call can be told in constant
/// time: flows by the power of two of their backlog over their weight, with the sums of both.
struct BacklogProfile: Sendable {
    private var backlog = [Int](repeating: 0, count: Self.classes)
    private var weight = [Int](repeating: 0, count: Self.classes)

    /// A backlog over weight below 2^44 covers 10,000 calls of the largest charge.
    private static let classes = 46

    private static func index(_ backlog: Int, _ weight: Int) -> Int {
        let ratio = backlog / weight
        return min(ratio == 0 ? 0 : Int.bitWidth - ratio.leadingZeroBitCount, classes - 1)
    }

    /// A flow's backlog changes from one value to another.
    mutating func move(from old: Int, to new: Int, weight: Int) {
        if old > 0 {
            let index = Self.index(old, weight)
            backlog[index] -= old
            self.weight[index] -= weight
            assert(backlog[index] >= 0 && self.weight[index] >= 0, "a flow left a class it was not in")
        }
        if new > 0 {
            let index = Self.index(new, weight)
            backlog[index] += new
            self.weight[index] += weight
        }
    }

    /// What all flows are served while each gets at most `perWeight` charge for each unit of its weight: Σ min(Bᵢ,
    /// x·wᵢ), as far as classes tell.
    func served(perWeight: Int) -> Int {
        var sum = 0
        for index in backlog.indices where weight[index] > 0 {
            let (most, overflow) = perWeight.multipliedReportingOverflow(by: weight[index])
            sum += overflow ? backlog[index] : min(backlog[index], most)
        }
        return sum
    }
}
