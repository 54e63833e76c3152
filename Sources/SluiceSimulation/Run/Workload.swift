import SluicePolicy

/// One call as it is drawn, before the agent has seen it. What it is like depends on the seed, its source and its
/// number alone, never on what happened before it came.
struct WorkloadCall {
    /// Names the call's own stream of chance: its source and its number there.
    var source: Int
    var number: Int
    var tenant: Int?
    var feature: Int?
    var pool: Int
    var lane: PolicyLane
    var endpoint: Int
    var inputTokens: Int
    var outputTokens: Int
    var maxTokens: Int?
    var images: Int
    var bytes: Int
    /// Microseconds it may take in all.
    var deadline: Int64
    var isStream: Bool
    /// Microseconds after which its caller goes away.
    var cancelAfter: Int64?
    var fallbacks: [FallbackPlan]
    /// Whether its caller calls again once it has an answer.
    var isClosed: Bool
    var measured: MeasuredService?
    /// What the agent reserved when this call was recorded.
    var reservedTokens: Int?
}

/// A source of calls and where it stands.
struct TrafficSource {
    let plan: TrafficPlan
    let index: Int
    private let seed: UInt64
    private let end: Int64
    private var random: SeededRandom
    private var made = 0
    private var scheduled = 0
    private var clock: Int64

    init(_ plan: TrafficPlan, index: Int, seed: UInt64, duration: Int64) {
        self.plan = plan
        self.index = index
        self.seed = seed
        end = min(plan.untilMicroseconds, duration)
        random = SeededRandom(seed: seed, path: 1, UInt64(index))
        clock = plan.fromMicroseconds
    }

    /// The time of the next call; nil when the source has run dry, or is closed and speaks when it is answered.
    mutating func nextArrival() -> Int64? {
        switch plan.arrivals {
        case .closed: return nil
        case .poisson(let rate): clock += gap(rate)
        case .constant(let rate): clock = plan.fromMicroseconds + Int64(Double(scheduled + 1) * 60e6 / rate)
        case .onOff(let rate, let on, let off): skipRest(gap(rate), on, off)
        case .bursts(let times, let calls, let over):
            guard scheduled < times.count * calls else { return nil }
            let offset = calls > 1 ? over * Int64(scheduled % calls) / Int64(calls - 1) : 0
            clock = times[scheduled / calls] + offset
        }
        scheduled += 1
        return clock < end ? clock : nil
    }

    private mutating func gap(_ perMinute: Double) -> Int64 {
        max(1, Int64(random.exponential(mean: 60e6 / perMinute)))
    }

    /// A Poisson process that stands still while the source rests.
    private mutating func skipRest(_ gap: Int64, _ on: Int64, _ off: Int64) {
        var left = gap
        while true {
            let phase = (clock - plan.fromMicroseconds) % (on + off)
            let untilRest = on - phase
            guard left >= untilRest else { return clock += left }
            left -= untilRest
            clock += untilRest + off
        }
    }

    /// When the callers of a closed source start: each after one think, so that they do not start together.
    mutating func callerStarts() -> [Int64] {
        guard case .closed(let callers, let think) = plan.arrivals else { return [] }
        return (0..<callers).map { _ in plan.fromMicroseconds + think.microseconds(&random, least: 1) }
    }

    /// When a caller that was answered now calls again; nil when the source has ended.
    mutating func nextThink(at now: Int64, retryAfter: Int64?) -> Int64? {
        guard case .closed(_, let think) = plan.arrivals else { return nil }
        // A caller that is turned away comes back when it was told to, and never at once: a loop without a pause would
        // never let virtual time go on.
        let pause = max(think.microseconds(&random, least: 1), min(retryAfter ?? 0, 60_000_000))
        let time = now + (retryAfter == nil ? pause : max(pause, 100_000))
        return time < end ? time : nil
    }

    /// The next call's nature.
    mutating func makeCall() -> WorkloadCall {
        var draw = SeededRandom(seed: seed, path: 2, UInt64(index), UInt64(made))
        let input = plan.inputTokens.whole(&draw, least: 1)
        let output = plan.outputTokens.whole(&draw, least: 1)
        let most = plan.maxTokens.map { $0.whole(&draw, least: 1) }
        let deadline = plan.deadline.microseconds(&draw, least: 1)
        let isCancelled = draw.percent(plan.cancelPercent)
        let cancel = Int64(Double(deadline) * draw.unit())
        var isClosed = false
        if case .closed = plan.arrivals { isClosed = true }
        made += 1
        return WorkloadCall(
            source: index, number: made - 1, tenant: plan.tenant, feature: plan.feature, pool: plan.pool,
            lane: plan.lane, endpoint: plan.endpoint, inputTokens: input, outputTokens: min(output, most ?? output),
            maxTokens: most, images: plan.images, bytes: max(1, Int(Double(input) * plan.bytesPerToken)),
            deadline: deadline, isStream: plan.isStream, cancelAfter: isCancelled ? cancel : nil,
            fallbacks: plan.fallbacks, isClosed: isClosed)
    }
}
