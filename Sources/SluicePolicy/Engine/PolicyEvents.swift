/// What one attempt takes from a pool's quota, one request besides.
package struct CallCost: Sendable, Equatable {
    /// Tokens reserved: estimated input plus expected output.
    package var tokens: Int
    /// Images that it asks for.
    package var images: Int

    package init(tokens: Int, images: Int = 0) {
        self.tokens = min(max(tokens, 0), TokenBucket.ceiling)
        self.images = min(max(images, 0), TokenBucket.ceiling)
    }
}

/// A call that asks to be let in.
package struct Arrival: Sendable {
    /// Who may serve it: the engine picks the pool.
    package var group: GroupID
    package var lane: PolicyLane
    package var tenant: TenantID
    package var feature: FeatureID
    /// Which of the pool's breakers judges it, 0..<``Pool/endpoints``.
    package var endpoint: Int
    package var cost: CallCost
    /// Bytes it holds while it waits.
    package var bytes: Int
    package var deadline: MonotonicTime
    /// Where it may go instead, best first.
    package var fallbacks: [FallbackRoute]

    package init(
        group: GroupID, lane: PolicyLane = .normal, tenant: TenantID = .shared, feature: FeatureID = .none,
        endpoint: Int = 0, cost: CallCost, bytes: Int, deadline: MonotonicTime, fallbacks: [FallbackRoute] = []
    ) {
        self.group = group
        self.lane = lane
        self.tenant = tenant
        self.feature = feature
        self.endpoint = endpoint
        self.cost = cost
        self.bytes = bytes
        self.deadline = deadline
        self.fallbacks = fallbacks
    }
}

/// What makes a call take its next fallback.
package struct FallbackTriggers: OptionSet, Sendable, Equatable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let breakerOpen = Self(rawValue: 1)
    /// No key of the group has quota, or is accepted, any more.
    package static let quotaExhausted = Self(rawValue: 2)
    package static let deadlineUnmeetable = Self(rawValue: 4)
    /// The queue is full or the call was shed.
    package static let overloaded = Self(rawValue: 8)
    /// Its attempts failed by the provider's fault.
    package static let error = Self(rawValue: 16)
}

/// One step of a fallback chain.
package struct FallbackRoute: Sendable, Equatable {
    package var group: GroupID
    package var cost: CallCost
    package var triggers: FallbackTriggers

    package init(group: GroupID, cost: CallCost, triggers: FallbackTriggers) {
        self.group = group
        self.cost = cost
        self.triggers = triggers
    }
}

/// Why a call is not served.
package enum Refusal: Error, Sendable, Equatable {
    /// The queue holds all the calls it may.
    case queueCalls(limit: Int, retryAfterMicroseconds: Int64)
    /// The queue holds all the bytes it may.
    case queueBytes(limit: Int, retryAfterMicroseconds: Int64)
    /// The tenant has all the calls waiting that it may.
    case tenantQueue(limit: Int, retryAfterMicroseconds: Int64)
    /// Its turn would come after its deadline. A like call is let in after `retryAfterMicroseconds` if nothing else
    /// arrives.
    case deadlineUnmeetable(waitMicroseconds: Int64, retryAfterMicroseconds: Int64)
    /// It alone is larger than a limit.
    case exceedsLimit(LimitName, limit: Int)
    /// Its tenant's queue stood too long.
    case overloaded(retryAfterMicroseconds: Int64)
    /// The provider fails, and nobody is sent there for now.
    case breakerOpen(retryAfterMicroseconds: Int64)

    /// Which fallbacks it sets off.
    var trigger: FallbackTriggers {
        switch self {
        case .queueCalls, .queueBytes, .tenantQueue, .overloaded: .overloaded
        case .deadlineUnmeetable: .deadlineUnmeetable
        case .exceedsLimit: .quotaExhausted
        case .breakerOpen: .breakerOpen
        }
    }
}

/// How one attempt is to be made.
package struct Dispatch: Sendable, Equatable {
    /// 1…, over all routes.
    package var attempt: Int
    package var pool: PoolID
    /// 0 as asked, *n* the *n*-th fallback.
    package var route: Int
    /// Whether a half-open breaker waits for its outcome.
    package var isProbe: Bool

    package init(attempt: Int, pool: PoolID, route: Int, isProbe: Bool) {
        self.attempt = attempt
        self.pool = pool
        self.route = route
        self.isProbe = isProbe
    }
}

/// What the shell must do. Effects are carried out in order.
package enum Effect: Sendable, Equatable {
    /// Make this attempt.
    case send(CallID, Dispatch)
    /// Tell the caller that it waits, or that its place or its wait has changed. Positions count from 1.
    case queued(CallID, position: Int, etaMicroseconds: Int64)
    /// Its deadline passed. The call is gone from the core; a running attempt must be aborted.
    case expire(CallID, attempts: Int, inFlight: Bool)
    /// A call that was let in will not be served after all. It is gone from the core.
    case refuse(CallID, Refusal, attempts: Int)
}

/// A fault that may pass.
package enum TransientFault: Sendable, Equatable {
    /// No byte of the request left the machine, so nothing was spent.
    case notSent
    /// No answer in time. It may have been served, and billed.
    case timeout
    case connectionLost
    case serverError
    /// The provider says that it is overloaded.
    case overloaded
}

/// How an attempt ended.
package enum AttemptOutcome: Sendable, Equatable {
    /// The provider answered; `usedTokens` where it said so.
    case success(usedTokens: Int?)
    /// The call's own fault: another attempt cannot help, and the pool is well.
    case refused
    /// A passing fault, with the wait that the provider asked for.
    case transient(TransientFault, retryAfterMicroseconds: Int64? = nil)
    /// The quota is spent: the pool waits this long, or a default where the provider did not say.
    case rateLimited(retryAfterMicroseconds: Int64?)
    /// The provider wants a slower start: the pool's rate falls to what it was, and grows slowly.
    case slowDown(retryAfterMicroseconds: Int64?)
    /// The key is refused, or its account has no quota left: it is avoided for a minute.
    case keyUnusable(isQuota: Bool)
}

/// What happens to a call after an attempt.
package enum AttemptVerdict: Sendable, Equatable {
    /// The call is over, with the answer or error of this attempt.
    case finished
    /// It goes back to its place and gets attempt number `attempt` in about `delayMicroseconds`.
    case retry(attempt: Int, delayMicroseconds: Int64)
    /// It goes to its *n*-th fallback.
    case fallback(route: Int, trigger: FallbackTriggers)
}
