/// One tenant's queue in one lane of one pool.
struct Flow: Sendable {
    /// Whether its calls may be chosen. Legal ways: idle ↔ ready; ready → throttled or full → ready; any → idle.
    enum Standing: Sendable, Equatable {
        /// Nothing waits that could go.
        case idle
        /// In its lane's heap.
        case ready
        /// The tenant's own rate ceiling holds it back.
        case throttled
        /// The tenant has as many attempts under way in this pool as it may.
        case full
    }

    let tenant: TenantID
    let lane: PolicyLane
    /// Start tag of its next call: what it was served so far over its weight.
    var tag: Int64 = 0
    /// What the tag's divisions left over.
    var remainder: Int64 = 0
    var weight: Int
    var standing = Standing.idle
    /// Since when its next call has always stood behind another of its own: it asks for more than its share.
    var backloggedSince: MonotonicTime?
    /// Calls that may be chosen, earliest deadline first.
    var heap = CallHeap()
    /// All that wait, those parked before a breaker or a feature's bulkhead too.
    var count = 0
    var charge = 0
    var tokens = 0
    var shedder = QueueShedder()
    /// Whether it is in the list of flows that may be given to another tenant.
    var isListedIdle = false
}

/// One lane of one pool.
struct LaneQueue: Sendable {
    /// What it was served so far over its share.
    var tag: Int64 = 0
    /// What the tag's divisions left over.
    var remainder: Int64 = 0
    /// Start tag of the flow that was served last: where a flow that comes back begins.
    var virtualTime: Int64 = 0
    /// Flows that may be chosen, by tag.
    var ready = SlotHeap()
    /// Flows among them that are not backlogged.
    var fresh = 0
    var count = 0
    var charge = 0
    var tokens = 0
    var inFlight = 0
    /// Since when somebody has waited in it all the time.
    var waitingSince: MonotonicTime?
    var profile = BacklogProfile()
    var forecast = Forecast()

    private static let standingMicroseconds: Int64 = 3_000_000

    /// Whether somebody has waited in it for so long that this is no burst any more.
    func hasStood(at now: MonotonicTime) -> Bool {
        waitingSince.map { now.microseconds(since: $0) >= Self.standingMicroseconds } ?? false
    }
}

/// How waits that were foretold came out: the factor that makes the next ones true.
struct Forecast: Sendable, Equatable {
    /// In 1/1024; exponentially weighted, 1/16 a sample.
    private var factor: Int64 = 1024

    private static let range: ClosedRange<Int64> = 256...4096

    /// Corrects a wait as computed.
    func corrected(_ microseconds: Int64) -> Int64 {
        let (product, overflow) = microseconds.multipliedReportingOverflow(by: factor)
        return overflow ? microseconds : product / 1024
    }

    /// Compares a computed wait with the real one. Waits under a quarter second say more of chance than of the queue.
    mutating func learn(computed: Int64, real: Int64) {
        guard computed >= 250_000 else { return }
        let ratio = min(max(real, 0) / max(1, computed / 1024), Self.range.upperBound)
        let step = ratio - factor
        factor += abs(step) < 16 ? step.signum() : step / 16
        factor = min(max(factor, Self.range.lowerBound), Self.range.upperBound)
    }
}
