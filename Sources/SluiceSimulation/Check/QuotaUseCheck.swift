import SluicePolicy

/// How much of a pool's usable quota was used while there was work for it. A second counts when calls were waiting
/// from its start to its end and nothing but quota held them back: not frozen, room in flight, breakers closed.
struct QuotaUseCheck {
    /// Usable is 95 % of a limit: the rate of the agent's own buckets.
    static let usablePercent = 95

    private let limits: PoolLimits
    private var waiting = 0
    private var fewest = 0
    private var requests = 0
    private var tokens = 0
    private var couldGo = false
    private(set) var seconds = 0
    private(set) var requestsThen = 0
    private(set) var tokensThen = 0

    init(_ limits: PoolLimits) { self.limits = limits }

    mutating func queued(_ change: Int) {
        waiting += change
        fewest = min(fewest, waiting)
    }

    mutating func sent(_ cost: CallCost) {
        requests += 1
        tokens += cost.tokens
    }

    /// Once a second; `couldGo`: nothing but quota holds calls back at this moment.
    mutating func second(couldGo now: Bool) {
        if couldGo, now, fewest > 0 {
            seconds += 1
            requestsThen += requests
            tokensThen += tokens
        }
        couldGo = now
        fewest = waiting
        requests = 0
        tokens = 0
    }

    /// Per mille of the usable quota, of whichever limit was used more; nil where there was nothing to measure.
    var perMille: Int? {
        guard seconds > 0 else { return nil }
        let shares = [(limits.requestsPerMinute, requestsThen), (limits.tokensPerMinute, tokensThen)]
        return shares.compactMap { limit, used in
            limit.map { used * 60 * 1000 * 100 / (max(1, $0 * Self.usablePercent) * seconds) }
        }.max()
    }
}
