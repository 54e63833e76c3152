/// What can be seen of a pool from outside.
package struct PoolSnapshot: Sendable, Equatable {
    package var inFlight: Int
    /// Attempts that the concurrency guard allows at once.
    package var guardLimit: Int
    package var queued: Int
    /// By lane.
    package var queuedByLane: [Int]
    package var queuedBytes: Int
    package var frozenUntil: MonotonicTime?
    /// Until when other keys are preferred, because the provider refused this one.
    package var avoidedUntil: MonotonicTime?
    package var limits: PoolLimits
    /// Requests a minute that others on the same quota take.
    package var foreignRequestsPerMinute: Int
    package var foreignTokensPerMinute: Int
    /// Requests a minute that `slow_down` left us; nil while nothing is governed.
    package var rampPerMinute: Int?
    /// Of the endpoints that were called.
    package var breakers: [BreakerSnapshot]
}

/// One breaker from outside.
package struct BreakerSnapshot: Sendable, Equatable {
    package var endpoint: Int
    package var standing: BreakerStanding
}

/// One pool: what shares a provider quota.
package struct Pool: Sendable {
    /// Breakers of a pool: one for each kind of endpoint.
    package static let endpoints = 16

    var settings: PoolParameters
    var limiter: PoolLimiter
    var queue = FairScheduler()
    var guarding: ConcurrencyGuard
    var breakers = [CircuitBreaker?](repeating: nil, count: Pool.endpoints)
    var inFlight = 0
    var retryBudget: RetryBudget
    /// Mean time an attempt takes, in microseconds: exponentially weighted, 1/16 a sample. Zero until the first.
    var meanServiceMicroseconds: Int64 = 0
    /// How long attempts take at each endpoint: nine of ten take less.
    var usualService = [ServiceQuantile](repeating: ServiceQuantile(percent: 90), count: Pool.endpoints)
    /// Whether its key was taken away: whoever waits goes elsewhere.
    var isWithdrawn = false
    /// Until when other keys are preferred.
    var avoidedUntil: MonotonicTime?
    private var inFlightByTenant: [Int32] = []
    private var inFlightByFeature: [Int32] = []

    init(_ settings: PoolParameters, retries: RetryPolicy, at now: MonotonicTime) {
        self.settings = settings
        limiter = PoolLimiter(settings.limits, at: now)
        guarding = ConcurrencyGuard(initial: settings.initialInFlight, ceiling: settings.limits.maxInFlight)
        retryBudget = RetryBudget(retries, at: now)
    }

    var hasRoomInFlight: Bool { inFlight < guarding.limit }

    func isAvoided(at now: MonotonicTime) -> Bool { avoidedUntil.map { $0 > now } ?? false }

    // MARK: Bulkheads

    func inFlight(of tenant: TenantID) -> Int {
        tenant.index < inFlightByTenant.count ? Int(inFlightByTenant[tenant.index]) : 0
    }

    func inFlight(of feature: FeatureID) -> Int {
        feature.index < inFlightByFeature.count ? Int(inFlightByFeature[feature.index]) : 0
    }

    /// Attempts of a lane that may be under way at once.
    func ceiling(_ lane: LaneParameters) -> Int { max(1, (guarding.limit * lane.maxInFlightPercent + 99) / 100) }

    mutating func attemptBegan(_ record: CallRecord) {
        inFlight += 1
        Self.add(1, to: &inFlightByTenant, at: record.tenant.index)
        Self.add(1, to: &inFlightByFeature, at: record.feature.index)
    }

    mutating func attemptEnded(_ record: CallRecord, lane: LaneParameters) {
        queue.attemptEnded(record.lane, ceiling: ceiling(lane))
        inFlight -= 1
        Self.add(-1, to: &inFlightByTenant, at: record.tenant.index)
        Self.add(-1, to: &inFlightByFeature, at: record.feature.index)
        assert(inFlight >= 0, "more attempts ended than began")
    }

    private static func add(_ amount: Int32, to counts: inout [Int32], at index: Int) {
        while counts.count <= index { counts.append(0) }
        counts[index] += amount
        assert(counts[index] >= 0, "in flight fell below zero")
    }

    // MARK: Breakers

    func admission(
        _ endpoint: Int, _ lane: PolicyLane, _ parameters: BreakerParameters, at now: MonotonicTime
    ) -> CircuitBreaker.Admission {
        guard let breaker = breakers[endpoint] else { return .permit }
        return breaker.admission(lane, parameters, at: now)
    }

    /// Answers whether the breaker opened or closed.
    mutating func judge(
        _ record: CallRecord, _ sample: CircuitBreaker.Sample, _ parameters: BreakerParameters, random: UInt64,
        at now: MonotonicTime
    ) -> Bool {
        if breakers[record.endpoint] == nil { breakers[record.endpoint] = CircuitBreaker() }
        return breakers[record.endpoint]?.ended(
            sample, startedAt: record.mark?.at ?? now, wasProbe: record.isProbe, parameters, random: random, at: now)
            ?? false
    }

    // MARK: Service times

    mutating func observeService(_ microseconds: Int64, endpoint: Int) {
        let step = (microseconds - meanServiceMicroseconds) / 16
        meanServiceMicroseconds = meanServiceMicroseconds == 0 ? microseconds : meanServiceMicroseconds + step
        usualService[endpoint].observe(microseconds)
    }

    /// The time that an attempt needs before its call's deadline to be worth sending: what nine of ten take at its
    /// endpoint, but no more than half of what the caller gave the call from the start. Who gives little time takes its
    /// chance. Less would not do: under overload the calls that are served are those whose time is about to run out.
    func timeNeeded(_ endpoint: Int, patience: Int64) -> Int64 {
        min(usualService[endpoint].microseconds, max(0, patience) / 2)
    }

    /// Whether an attempt that ran out of its caller's time speaks against the provider: it took far longer than
    /// attempts do. A caller with a tiny deadline proves nothing.
    func isStuck(after microseconds: Int64) -> Bool {
        microseconds >= (meanServiceMicroseconds == 0 ? 10_000_000 : max(1_000_000, 4 * meanServiceMicroseconds))
    }
}

/// A quantile of service times that follows them: a stochastic approximation (Robbins and Monro 1951), its step a
/// sixteenth of the value.
struct ServiceQuantile: Sendable, Equatable {
    private var value: Int64 = 0
    private var samples = 0
    /// Of a hundred samples so many lie below.
    private let percent: Int64

    private static let samplesNeeded = 20

    init(percent: Int64) { self.percent = percent }

    /// Microseconds; zero as long as too little was seen.
    var microseconds: Int64 { samples < Self.samplesNeeded ? 0 : value }

    mutating func observe(_ sample: Int64) {
        guard samples > 0 else {
            value = max(0, sample)
            samples = 1
            return
        }
        samples = min(samples + 1, Self.samplesNeeded)
        let step = max(100, value / 8)
        value = sample < value ? max(0, value - step * (100 - percent) / 100) : value + step * percent / 100
    }
}
