import SluiceConfig
import SluicePolicy

/// The configuration in the core's words.
extension PolicyParameters {
    init(_ configuration: Configuration) {
        let lanes = LaneName.allCases.map { LaneParameters(configuration.lanes[$0]) }
        self.init(
            retries: RetryPolicy(configuration.retries), lanes: lanes,
            breaker: BreakerParameters(configuration.breaker))
    }
}

extension RetryPolicy {
    init(_ settings: RetrySettings) {
        self.init(
            maxAttempts: settings.attempts, baseMicroseconds: settings.base.wholeMicroseconds,
            capMicroseconds: settings.cap.wholeMicroseconds, budgetPercent: settings.budgetPercent,
            budgetPerSecond: settings.budgetPerSecond,
            retryAfterCeilingMicroseconds: settings.retryAfterCeiling.wholeMicroseconds)
    }
}

extension LaneParameters {
    init(_ settings: LaneSettings) {
        self.init(
            share: settings.share, maxInFlightPercent: settings.maxInFlightPercent,
            reservePercent: settings.reservePercent,
            shedTargetMicroseconds: settings.shedTarget.map(\.wholeMicroseconds),
            shedIntervalMicroseconds: settings.shedInterval.wholeMicroseconds,
            waitsForBreaker: settings.waitsForBreaker,
            retryWindowMicroseconds: settings.retryWindow.map(\.wholeMicroseconds))
    }
}

extension BreakerParameters {
    init(_ settings: BreakerSettings) {
        self.init(
            isEnabled: settings.enabled, windowMicroseconds: settings.window.wholeMicroseconds,
            minimumCalls: settings.minimumCalls, failurePercent: settings.failurePercent,
            slowMicroseconds: settings.slowCall.map(\.wholeMicroseconds),
            openMicroseconds: settings.open.wholeMicroseconds, openCapMicroseconds: settings.openCap.wholeMicroseconds)
    }
}

extension PoolParameters {
    /// - Parameter settings: nil for a pool that nobody configured.
    init(_ settings: SluiceConfig.PoolSettings?, limits: LimitSettings) {
        guard let settings else {
            self.init(queueCalls: limits.queueCalls, queueBytes: limits.queueSize)
            return
        }
        self.init(
            limits: PoolLimits(
                requestsPerMinute: settings.requestsPerMinute, tokensPerMinute: settings.tokensPerMinute,
                imagesPerMinute: settings.imagesPerMinute, requestsPerDay: settings.requestsPerDay,
                tokensPerDay: settings.tokensPerDay, maxInFlight: settings.maxInFlight),
            queueCalls: settings.queueCalls ?? limits.queueCalls, queueBytes: settings.queueSize ?? limits.queueSize,
            initialInFlight: settings.initialInFlight)
    }
}

extension TenantParameters {
    init(_ plan: TenantPlan) {
        self.init(
            weight: plan.weight, requestsPerMinute: plan.requestsPerMinute, tokensPerMinute: plan.tokensPerMinute,
            maxInFlight: plan.maxInFlight, queueCalls: plan.queueCalls)
    }
}

extension FeatureParameters {
    init(_ settings: FeatureSettings?) { self.init(maxInFlight: settings?.maxInFlight) }
}

extension FallbackTriggers {
    init(_ triggers: [FallbackTrigger]) {
        self = triggers.reduce(into: []) { set, trigger in
            switch trigger {
            case .breakerOpen: set.insert(.breakerOpen)
            case .quotaExhausted: set.insert(.quotaExhausted)
            case .deadlineUnmeetable: set.insert(.deadlineUnmeetable)
            case .overloaded: set.insert(.overloaded)
            case .error: set.insert(.error)
            }
        }
    }
}

extension Duration {
    /// Microseconds, rounded towards zero.
    var wholeMicroseconds: Int64 { wholeNanoseconds / 1000 }
}
