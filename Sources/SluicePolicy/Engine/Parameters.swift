/// What holds for the engine as a whole.
package struct PolicyParameters: Sendable, Equatable {
    package var retries: RetryPolicy
    /// By lane, in the order of ``PolicyLane``.
    package var lanes: [LaneParameters]
    package var breaker: BreakerParameters

    /// - Parameter lanes: exactly four.
    package init(
        retries: RetryPolicy = RetryPolicy(), lanes: [LaneParameters] = LaneParameters.defaults,
        breaker: BreakerParameters = BreakerParameters()
    ) {
        precondition(lanes.count == PolicyLane.count, "\(lanes.count) lanes")
        self.retries = retries
        self.lanes = lanes
        self.breaker = breaker
    }
}

/// How one lane is served.
package struct LaneParameters: Sendable, Equatable {
    /// Its part of a pool while others have calls waiting too, 1…1,000.
    package var share: Int
    /// Attempts in flight, per cent of the pool's ceiling, 1…100.
    package var maxInFlightPercent: Int
    /// Per cent of the burst that this lane leaves to the lanes above it, 0…100. It costs no throughput: the bucket
    /// then merely stands higher.
    package var reservePercent: Int
    /// A tenant's queue that stands longer than this for a whole interval is shed; nil never sheds.
    package var shedTargetMicroseconds: Int64?
    package var shedIntervalMicroseconds: Int64
    /// Whether calls wait while a breaker is open instead of being refused at once.
    package var waitsForBreaker: Bool
    /// No attempt is repeated later than this after the call's arrival; nil: until its deadline.
    package var retryWindowMicroseconds: Int64?

    package init(
        share: Int, maxInFlightPercent: Int = 100, reservePercent: Int = 0, shedTargetMicroseconds: Int64? = nil,
        shedIntervalMicroseconds: Int64 = 10_000_000, waitsForBreaker: Bool = false,
        retryWindowMicroseconds: Int64? = nil
    ) {
        precondition((1...1000).contains(share), "share out of range: \(share)")
        precondition((1...100).contains(maxInFlightPercent), "ceiling out of range: \(maxInFlightPercent)")
        precondition((0...100).contains(reservePercent), "reserve out of range: \(reservePercent)")
        self.share = share
        self.maxInFlightPercent = maxInFlightPercent
        self.reservePercent = reservePercent
        self.shedTargetMicroseconds = shedTargetMicroseconds
        self.shedIntervalMicroseconds = shedIntervalMicroseconds
        self.waitsForBreaker = waitsForBreaker
        self.retryWindowMicroseconds = retryWindowMicroseconds
    }

    /// Per cent of the burst that a tenant whose calls always wait leaves to its neighbours, once it has waited for
    /// ``backlogReserveMicroseconds``; before that in proportion, so that a short burst costs its tenant little.
    package static let backlogReservePercent = 40
    /// What a call leaves at most, per cent: buckets that had to be full together would stand full and lose refill.
    package static let reserveCeilingPercent = 75
    package static let backlogReserveMicroseconds: Int64 = 20_000_000

    /// 16 : 4 : 2 : 1. The target is a tenth of the interval, as RFC 8289 section 4.3 advises; both are those of
    /// calls that take seconds, not of packets.
    package static let defaults = [
        LaneParameters(share: 16, shedTargetMicroseconds: 1_000_000, retryWindowMicroseconds: 10_000_000),
        LaneParameters(share: 4, reservePercent: 25),
        LaneParameters(share: 2, maxInFlightPercent: 90, reservePercent: 50, waitsForBreaker: true),
        LaneParameters(share: 1, maxInFlightPercent: 80, reservePercent: 75, waitsForBreaker: true),
    ]
}

/// What the configuration says of one pool.
package struct PoolParameters: Sendable, Equatable {
    package var limits: PoolLimits
    /// Calls that may wait.
    package var queueCalls: Int
    /// Bytes of request bodies that may wait.
    package var queueBytes: Int
    /// Attempts at once before any has succeeded; the ceiling bounds it.
    package var initialInFlight: Int

    package init(
        limits: PoolLimits = PoolLimits(), queueCalls: Int = 10_000, queueBytes: Int = 256 * 1024 * 1024,
        initialInFlight: Int = 64
    ) {
        precondition(limits.maxInFlight > 0 && initialInFlight > 0, "a pool without room: \(limits)")
        precondition(queueCalls >= 0 && queueBytes >= 0, "negative queue bounds")
        self.limits = limits
        self.queueCalls = queueCalls
        self.queueBytes = queueBytes
        self.initialInFlight = initialInFlight
    }
}

/// What a plan gives a tenant.
package struct TenantParameters: Sendable, Equatable {
    /// Its part of a lane while other tenants have calls waiting too, 1…1,000.
    package var weight: Int
    /// Requests a minute over all pools; nil: no ceiling of its own.
    package var requestsPerMinute: Int?
    /// Tokens a minute over all pools; nil: no ceiling of its own.
    package var tokensPerMinute: Int?
    /// Attempts at once in each pool.
    package var maxInFlight: Int?
    /// Calls that may wait in each lane of each pool.
    package var queueCalls: Int?

    package init(
        weight: Int = 1, requestsPerMinute: Int? = nil, tokensPerMinute: Int? = nil, maxInFlight: Int? = nil,
        queueCalls: Int? = nil
    ) {
        precondition((1...1000).contains(weight), "weight out of range: \(weight)")
        self.weight = weight
        self.requestsPerMinute = requestsPerMinute
        self.tokensPerMinute = tokensPerMinute
        self.maxInFlight = maxInFlight
        self.queueCalls = queueCalls
    }
}

/// What the configuration says of one feature.
package struct FeatureParameters: Sendable, Equatable {
    /// Attempts at once in each pool.
    package var maxInFlight: Int?

    package init(maxInFlight: Int? = nil) { self.maxInFlight = maxInFlight }
}

/// When a breaker opens, and for how long.
package struct BreakerParameters: Sendable, Equatable {
    /// Whether it ever opens by itself.
    package var isEnabled: Bool
    /// Attempts that started within this time are counted.
    package var windowMicroseconds: Int64
    /// Attempts below which nothing is concluded.
    package var minimumCalls: Int
    /// Per cent of failed or slow attempts that opens it.
    package var failurePercent: Int
    /// A stream that begins later than this, or a plain answer that is complete later, counts as slow; nil: none does.
    package var slowMicroseconds: Int64?
    /// How long it stays open at first; doubles with every failed probe.
    package var openMicroseconds: Int64
    package var openCapMicroseconds: Int64
    /// Probes at once in the first and in the second round; all of a round must succeed.
    package var probes: [Int]

    package init(
        isEnabled: Bool = true, windowMicroseconds: Int64 = 60_000_000, minimumCalls: Int = 20,
        failurePercent: Int = 50, slowMicroseconds: Int64? = 60_000_000, openMicroseconds: Int64 = 5_000_000,
        openCapMicroseconds: Int64 = 60_000_000, probes: [Int] = [1, 3]
    ) {
        precondition(windowMicroseconds >= 12 && minimumCalls > 0 && openMicroseconds > 0, "breaker without time")
        precondition((1...100).contains(failurePercent), "share out of range: \(failurePercent)")
        precondition(!probes.isEmpty && probes.allSatisfy { $0 > 0 }, "a breaker needs probes")
        self.isEnabled = isEnabled
        self.windowMicroseconds = windowMicroseconds
        self.minimumCalls = minimumCalls
        self.failurePercent = failurePercent
        self.slowMicroseconds = slowMicroseconds
        self.openMicroseconds = openMicroseconds
        self.openCapMicroseconds = max(openCapMicroseconds, openMicroseconds)
        self.probes = probes
    }
}
