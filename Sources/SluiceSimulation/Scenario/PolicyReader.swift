import SluiceConfig
import SluicePolicy

/// The sections of a scenario that set the policy's parameters; they are written as in the agent's configuration.
enum PolicyReader {
    static func lanes(_ node: SettingNode?, into policy: inout PolicyParameters) {
        guard let node else { return }
        let fields = node.fields(LaneNames.all)
        for lane in PolicyLane.allCases {
            guard let node = fields[LaneNames.all[lane.rawValue]] else { continue }
            readLane(node, &policy.lanes[lane.rawValue])
        }
    }

    private static func readLane(_ node: SettingNode, _ lane: inout LaneParameters) {
        let fields = node.fields([
            "share", "max_in_flight_percent", "reserve_percent", "shed_target", "shed_interval", "waits_for_breaker",
            "retry_window",
        ])
        if let share = fields["share"]?.count(1...1000) { lane.share = share }
        if let percent = fields["max_in_flight_percent"]?.count(1...100) { lane.maxInFlightPercent = percent }
        if let percent = fields["reserve_percent"]?.count(0...100) { lane.reservePercent = percent }
        if let target = fields["shed_target"] { lane.shedTargetMicroseconds = optional(target) }
        if let interval = fields["shed_interval"]?.microseconds(1...3_600_000) {
            lane.shedIntervalMicroseconds = interval
        }
        if let waits = fields["waits_for_breaker"]?.flag() { lane.waitsForBreaker = waits }
        if let window = fields["retry_window"] { lane.retryWindowMicroseconds = optional(window) }
    }

    /// A span of time, or `off`.
    private static func optional(_ node: SettingNode) -> Int64? {
        node.text == "off" ? nil : node.microseconds(1...86_400_000)
    }

    static func breaker(_ node: SettingNode?, into policy: inout PolicyParameters) {
        guard let node else { return }
        let fields = node.fields([
            "window", "minimum_calls", "failure_percent", "slow_call", "open", "open_cap",
        ])
        if let window = fields["window"]?.microseconds(1_000...3_600_000) {
            policy.breaker.windowMicroseconds = window
        }
        if let calls = fields["minimum_calls"]?.count(1...1_000_000) { policy.breaker.minimumCalls = calls }
        if let percent = fields["failure_percent"]?.count(1...100) { policy.breaker.failurePercent = percent }
        if let slow = fields["slow_call"] { policy.breaker.slowMicroseconds = optional(slow) }
        if let open = fields["open"]?.microseconds(1...3_600_000) { policy.breaker.openMicroseconds = open }
        if let cap = fields["open_cap"]?.microseconds(1...3_600_000) { policy.breaker.openCapMicroseconds = cap }
        if policy.breaker.openCapMicroseconds < policy.breaker.openMicroseconds {
            node.report("open is longer than open_cap", suggestion: "raise open_cap")
        }
    }

    static func retries(_ node: SettingNode?, into policy: inout PolicyParameters) {
        guard let node else { return }
        let fields = node.fields(["attempts", "base", "cap", "budget_percent", "budget_per_second"])
        if let attempts = fields["attempts"]?.count(1...10) { policy.retries.maxAttempts = attempts }
        if let base = fields["base"]?.microseconds(1...60_000) { policy.retries.baseMicroseconds = base }
        if let cap = fields["cap"]?.microseconds(1...600_000) { policy.retries.capMicroseconds = cap }
        if let percent = fields["budget_percent"]?.count(0...100) { policy.retries.budgetPercent = percent }
        if let rate = fields["budget_per_second"]?.count(0...1000) { policy.retries.budgetPerSecond = rate }
    }
}

/// The lanes' names, by `PolicyLane.rawValue`.
enum LaneNames {
    static let all = ["interactive", "normal", "batch", "backfill"]
}
