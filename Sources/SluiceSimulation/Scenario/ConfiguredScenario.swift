package import SluiceConfig
import SluicePolicy

extension Scenario {
    /// Pools and policy as an agent's configuration has them, and providers that grant what is configured; no traffic.
    package init(_ configuration: Configuration) {
        self.init()
        name = "configured"
        policy = PolicyParameters(
            retries: RetryPolicy(configuration.retries),
            lanes: LaneName.allCases.map { LaneParameters(configuration.lanes[$0]) },
            breaker: BreakerParameters(configuration.breaker))
        pools = configuration.pools.map { pool in
            PoolPlan(
                pool, keys: configuration.upstream(of: pool)?.keys.count ?? 1,
                timeout: configuration.upstream(of: pool)?.timeouts.firstByte, limits: configuration.limits)
        }
        features = configuration.features.map {
            FeaturePlan(name: $0.name, parameters: FeatureParameters(maxInFlight: $0.maxInFlight))
        }
    }

    /// The index of a pool by name; one that the configuration does not name has no configured limits.
    mutating func poolIndex(_ name: String) -> Int {
        if let index = pools.firstIndex(where: { $0.name == name }) { return index }
        guard pools.count < Self.bounds.pools else { return 0 }
        pools.append(PoolPlan(name: name))
        return pools.count - 1
    }
}

extension Duration {
    fileprivate var wholeMicroseconds: Int64 { Int64((self / .microseconds(1)).rounded()) }
}

extension RetryPolicy {
    fileprivate init(_ settings: RetrySettings) {
        self.init()
        maxAttempts = settings.attempts
        baseMicroseconds = settings.base.wholeMicroseconds
        capMicroseconds = settings.cap.wholeMicroseconds
        budgetPercent = settings.budgetPercent
        budgetPerSecond = settings.budgetPerSecond
    }
}

extension LaneParameters {
    fileprivate init(_ settings: LaneSettings) {
        self.init(
            share: settings.share, maxInFlightPercent: settings.maxInFlightPercent,
            reservePercent: settings.reservePercent, shedTargetMicroseconds: settings.shedTarget?.wholeMicroseconds,
            shedIntervalMicroseconds: settings.shedInterval.wholeMicroseconds,
            waitsForBreaker: settings.waitsForBreaker,
            retryWindowMicroseconds: settings.retryWindow?.wholeMicroseconds)
    }
}

extension BreakerParameters {
    fileprivate init(_ settings: BreakerSettings) {
        self.init(
            isEnabled: settings.enabled, windowMicroseconds: settings.window.wholeMicroseconds,
            minimumCalls: settings.minimumCalls, failurePercent: settings.failurePercent,
            slowMicroseconds: settings.slowCall?.wholeMicroseconds, openMicroseconds: settings.open.wholeMicroseconds,
            openCapMicroseconds: settings.openCap.wholeMicroseconds)
    }
}

extension PoolPlan {
    fileprivate init(_ settings: PoolSettings, keys: Int, timeout: Duration?, limits: LimitSettings) {
        self.init(name: settings.name, keys: min(max(1, keys), Scenario.bounds.keys))
        var own = PoolLimits()
        own.requestsPerMinute = settings.requestsPerMinute
        own.tokensPerMinute = settings.tokensPerMinute
        own.imagesPerMinute = settings.imagesPerMinute
        own.requestsPerDay = settings.requestsPerDay
        own.tokensPerDay = settings.tokensPerDay
        own.maxInFlight = settings.maxInFlight
        parameters = PoolParameters(
            limits: own, queueCalls: settings.queueCalls ?? limits.queueCalls,
            queueBytes: settings.queueSize ?? limits.queueSize, initialInFlight: settings.initialInFlight)
        provider.limits = ProviderLimits(
            requestsPerMinute: own.requestsPerMinute, tokensPerMinute: own.tokensPerMinute,
            imagesPerMinute: own.imagesPerMinute)
        if let timeout { firstByteTimeoutMicroseconds = timeout.wholeMicroseconds }
    }
}

extension TenantParameters {
    /// What a tenant's plan gives it.
    init(_ plan: SluiceConfig.TenantPlan) {
        self.init(
            weight: plan.weight, requestsPerMinute: plan.requestsPerMinute, tokensPerMinute: plan.tokensPerMinute,
            maxInFlight: plan.maxInFlight, queueCalls: plan.queueCalls)
    }
}
