/// How urgent a call is. The same four names as in the protocol.
package enum LaneName: String, CaseIterable, Sendable {
    case interactive, normal, batch, backfill
}

/// Section `lanes`: how the four lanes share a pool.
package struct LanesSettings: Equatable, Sendable {
    /// A person is waiting.
    package internal(set) var interactive = LaneSettings(
        share: 16, reservePercent: 0, shedTarget: .seconds(1), retryWindow: .seconds(10))
    /// Nobody said otherwise.
    package internal(set) var normal = LaneSettings(share: 4, reservePercent: 25)
    /// Work that may wait.
    package internal(set) var batch = LaneSettings(
        share: 2, maxInFlightPercent: 90, reservePercent: 50, waitsForBreaker: true)
    /// Work that runs when nothing else does.
    package internal(set) var backfill = LaneSettings(
        share: 1, maxInFlightPercent: 80, reservePercent: 75, waitsForBreaker: true)

    /// The defaults.
    package init() {}

    /// The settings of one lane.
    package subscript(_ lane: LaneName) -> LaneSettings {
        switch lane {
        case .interactive: interactive
        case .normal: normal
        case .batch: batch
        case .backfill: backfill
        }
    }
}

extension LanesSettings: ConfigurationSection {
    static let fields: [Field<LanesSettings>] = [
        .section("interactive", \.interactive, "A person is waiting"),
        .section("normal", \.normal, "Nobody said otherwise"),
        .section("batch", \.batch, "Work that may wait"),
        .section("backfill", \.backfill, "Work that runs when nothing else does"),
    ]

    /// A reserve that falls from one lane to the next would let the lower lane take what the higher one may not.
    func check(_ place: SectionPlace) {
        for (higher, lower) in zip(LaneName.allCases, LaneName.allCases.dropFirst()) {
            let (above, below) = (self[higher].reservePercent, self[lower].reservePercent)
            guard above > below else { continue }
            let isHere = place.has(lower.rawValue)
            place.report(
                at: [.setting((isHere ? lower : higher).rawValue), .setting("reserve_percent")],
                Fault(
                    "\(lower) leaves less (\(below)) than \(higher) (\(above)) to the lanes above",
                    suggestion: "let reserve_percent rise from interactive to backfill"))
        }
    }
}

/// Section `lanes.NAME`: one lane.
package struct LaneSettings: Equatable, Sendable {
    /// What the lane gets of a pool while all lanes have work, relative to the others.
    package internal(set) var share: Int
    /// What the lane may have in flight, in per cent of the pool's ceiling.
    package internal(set) var maxInFlightPercent: Int
    /// What the lane leaves in the pool's buckets for the lanes above, in per cent of the burst.
    package internal(set) var reservePercent: Int
    /// The wait in the queue that is tolerated for a whole `shedInterval`; beyond it calls are shed. Nil: never.
    package internal(set) var shedTarget: Duration?
    /// How long waits must stay over `shedTarget` before calls are shed.
    package internal(set) var shedInterval: Duration
    /// Whether calls wait in the queue while the breaker is open; else they are refused.
    package internal(set) var waitsForBreaker: Bool
    /// From arrival, the time in which a repetition may still begin; nil: the whole deadline.
    package internal(set) var retryWindow: Duration?

    init() { self.init(share: 4) }

    init(
        share: Int, maxInFlightPercent: Int = 100, reservePercent: Int = 25, shedTarget: Duration? = nil,
        waitsForBreaker: Bool = false, retryWindow: Duration? = nil
    ) {
        self.share = share
        self.maxInFlightPercent = maxInFlightPercent
        self.reservePercent = reservePercent
        self.shedTarget = shedTarget
        self.shedInterval = .seconds(10)
        self.waitsForBreaker = waitsForBreaker
        self.retryWindow = retryWindow
    }
}

extension LaneSettings: ConfigurationSection {
    static let fields: [Field<LaneSettings>] = [
        .value(
            "share", \.share, .count(1...1000), .live,
            "What the lane gets while all lanes have work, relative to the others"),
        .value(
            "max_in_flight_percent", \.maxInFlightPercent, .count(1...100), .live,
            "What the lane may have in flight, in per cent of the pool's max_in_flight"),
        .value(
            "reserve_percent", \.reservePercent, .count(0...95), .live,
            "What the lane leaves of the burst for the lanes above, in per cent"),
        .value(
            "shed_target", \.shedTarget, .durationOrOff(.milliseconds(1) ... .seconds(3600)), .live,
            "Wait that is tolerated for a whole shed_interval; beyond it calls are shed"),
        .value(
            "shed_interval", \.shedInterval, .duration(.milliseconds(10) ... .seconds(3600)), .live,
            "How long waits must stay over shed_target before calls are shed"),
        .value(
            "waits_for_breaker", \.waitsForBreaker, .flag, .live,
            "Whether calls wait while the breaker is open; else they are refused"),
        .value(
            "retry_window", \.retryWindow, .durationOrOff(.milliseconds(1) ... .seconds(86400)), .live,
            "From arrival, the time in which a repetition may begin; off is the whole deadline"),
    ]

    func check(_ place: SectionPlace) {
        guard let shedTarget, shedTarget > shedInterval, place.has("shed_target") || place.has("shed_interval")
        else { return }
        let (target, interval) = (DurationFormat.write(shedTarget), DurationFormat.write(shedInterval))
        place.report(
            place.has("shed_target") ? "shed_target" : "shed_interval",
            Fault(
                "shed_target (\(target)) is longer than shed_interval (\(interval))", suggestion: "raise shed_interval")
        )
    }
}
