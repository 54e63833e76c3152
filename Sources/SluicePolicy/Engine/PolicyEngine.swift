/// The product's brain: events in, effects out. It performs no I/O, reads no clock and draws no random numbers; `now`
/// and `random` come in with each event, which is what lets the same machine run in production and in simulation.
///
/// Every call that ``arrive(_:at:into:)`` admitted ends exactly once: by an attempt whose verdict is `.finished`, by
/// ``cancel(_:at:into:)``, or by an `.expire` or `.refuse` effect.
package struct PolicyEngine: Sendable {
    var pools: [Pool] = []
    var groups: [[PoolID]] = []
    var tenants: [Tenant] = []
    var features: [Feature] = []
    var calls = CallTable()
    /// Live calls by deadline.
    var deadlines = SlotHeap()
    /// Calls between two attempts, by the time the next may be made.
    var backoffs = SlotHeap()
    /// Pools that wait for something, by the time it comes.
    var wakes = SlotHeap()
    var nextSequence: Int64 = 0
    /// Counts the refreshes, for whose turn it is.
    var refreshTurn = 0
    var parameters: PolicyParameters

    /// A freeze where a 429 did not say how long: one second, what OpenAI's guides start their backoff at.
    package static let defaultFreezeMicroseconds: Int64 = 1_000_000
    /// How long a key that the provider refused, or whose account has no quota left, is taken only when no other can:
    /// one minute, long enough not to feed it, short enough to notice when it works again.
    package static let avoidedForMicroseconds: Int64 = 60_000_000

    /// Knows the tenant and the feature of those who name none.
    package init(_ parameters: PolicyParameters = PolicyParameters()) {
        self.parameters = parameters
        let start = MonotonicTime(microseconds: 0)
        tenants = [Tenant(TenantParameters(), retries: parameters.retries, at: start)]
        features = [Feature(FeatureParameters(), retries: parameters.retries, at: start)]
    }

    /// Calls that are neither finished nor refused.
    package var liveCalls: Int { calls.count }

    /// The moment at which ``tick(at:into:)`` has something to do, if nothing else happens before.
    package var nextWake: MonotonicTime? {
        let keys = (deadlines.firstKey ?? .max, backoffs.firstKey ?? .max, wakes.firstKey ?? .max)
        let earliest = min(keys.0, keys.1, keys.2)
        return earliest == .max ? nil : MonotonicTime(microseconds: earliest)
    }

    /// Why a live call took its last fallback; nil while it is served as asked.
    package func fallbackTrigger(of id: CallID) -> FallbackTriggers? { calls[id]?.trigger }

    /// Where a live call is.
    package func pool(of id: CallID) -> PoolID? { calls[id]?.pool }

    package func snapshot(_ id: PoolID, at now: MonotonicTime) -> PoolSnapshot {
        let pool = pools[id.index]
        return PoolSnapshot(
            inFlight: pool.inFlight, guardLimit: pool.guarding.limit, queued: pool.queue.count,
            queuedByLane: pool.queue.lanes.map(\.count), queuedBytes: pool.queue.bytes,
            frozenUntil: pool.limiter.frozenUntil, avoidedUntil: pool.avoidedUntil, limits: pool.limiter.limits,
            foreignRequestsPerMinute: pool.limiter.requests.foreignPerMinute,
            foreignTokensPerMinute: pool.limiter.tokens.foreignPerMinute, rampPerMinute: pool.limiter.rampPerMinute,
            breakers: pool.breakers.enumerated().compactMap { endpoint, breaker in
                breaker.map { BreakerSnapshot(endpoint: endpoint, standing: $0.standing(at: now)) }
            })
    }

    /// Calls of one pool under way and waiting: what a scrape needs, without the rest of a snapshot.
    package func load(_ id: PoolID) -> (inFlight: Int, queued: Int) {
        (pools[id.index].inFlight, pools[id.index].queue.count)
    }
}

/// One tenant over all pools.
struct Tenant: Sendable {
    var parameters: TenantParameters
    var ceilings: TenantCeilings
    var retryBudget: RetryBudget

    init(_ parameters: TenantParameters, retries: RetryPolicy, at now: MonotonicTime) {
        self.parameters = parameters
        ceilings = TenantCeilings(parameters, at: now)
        retryBudget = RetryBudget(retries, at: now)
    }
}

/// One feature over all pools.
struct Feature: Sendable {
    var parameters: FeatureParameters
    var retryBudget: RetryBudget

    init(_ parameters: FeatureParameters, retries: RetryPolicy, at now: MonotonicTime) {
        self.parameters = parameters
        retryBudget = RetryBudget(retries, at: now)
    }
}

// MARK: - What there is

extension PolicyEngine {
    package mutating func addPool(_ settings: PoolParameters, at now: MonotonicTime) -> PoolID {
        pools.append(Pool(settings, retries: parameters.retries, at: now))
        return PoolID(index: pools.count - 1)
    }

    /// Pools, one for each key, that serve the same models: calls go to the one that has most left.
    package mutating func addGroup(_ members: [PoolID]) -> GroupID {
        precondition(!members.isEmpty && members.allSatisfy { $0.index < pools.count }, "a group of unknown pools")
        groups.append(members)
        return GroupID(index: groups.count - 1)
    }

    package mutating func addTenant(_ parameters: TenantParameters, at now: MonotonicTime) -> TenantID {
        tenants.append(Tenant(parameters, retries: self.parameters.retries, at: now))
        return TenantID(index: tenants.count - 1)
    }

    package mutating func addFeature(_ parameters: FeatureParameters, at now: MonotonicTime) -> FeatureID {
        features.append(Feature(parameters, retries: self.parameters.retries, at: now))
        return FeatureID(index: features.count - 1)
    }

    /// Changes a group's pools, for calls that arrive from now on.
    package mutating func reconfigure(_ id: GroupID, _ members: [PoolID]) {
        precondition(!members.isEmpty && members.allSatisfy { $0.index < pools.count }, "a group of unknown pools")
        groups[id.index] = members
    }

    /// Puts new settings in force; whoever waits keeps waiting under the new limits.
    package mutating func reconfigure(
        _ id: PoolID, _ settings: PoolParameters, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        pools[id.index].settings = settings
        pools[id.index].isWithdrawn = false
        pools[id.index].limiter.reconfigure(settings.limits, at: now)
        pools[id.index].guarding.reconfigure(ceiling: settings.limits.maxInFlight)
        pump(id, at: now, into: &effects)
    }

    /// Gives a tenant's number to another one: its ceilings and its retry budget begin anew. Calls of the old one that
    /// are still under way count for the new one.
    package mutating func reuse(_ id: TenantID, _ parameters: TenantParameters, at now: MonotonicTime) {
        tenants[id.index] = Tenant(parameters, retries: self.parameters.retries, at: now)
    }

    /// Puts a tenant's new plan in force, for calls that wait too.
    package mutating func reconfigure(
        _ id: TenantID, _ parameters: TenantParameters, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        guard tenants[id.index].parameters != parameters else { return }
        tenants[id.index].parameters = parameters
        tenants[id.index].ceilings.reconfigure(parameters, at: now)
        for index in pools.indices {
            for lane in PolicyLane.allCases {
                guard let flow = pools[index].queue.flow(lane, id) else { continue }
                pools[index].queue.reweigh(flow, parameters.weight)
                pools[index].queue.release(flow)
            }
            pump(PoolID(index: index), at: now, into: &effects)
        }
    }

    /// Puts a feature's new settings in force, for calls that wait too.
    package mutating func reconfigure(
        _ id: FeatureID, _ parameters: FeatureParameters, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        guard features[id.index].parameters != parameters else { return }
        features[id.index].parameters = parameters
        for index in pools.indices {
            while letBehind(id, in: index) {}
            pump(PoolID(index: index), at: now, into: &effects)
        }
    }

    /// Puts new lanes, retries and breakers in force for what happens from now on.
    package mutating func reconfigure(
        _ parameters: PolicyParameters, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        guard parameters != self.parameters else { return }
        let hasNewRetries = parameters.retries != self.parameters.retries
        self.parameters = parameters
        if hasNewRetries {
            let budget = RetryBudget(parameters.retries, at: now)
            for index in pools.indices { pools[index].retryBudget = budget }
            for index in tenants.indices { tenants[index].retryBudget = budget }
            for index in features.indices { features[index].retryBudget = budget }
        }
        for index in pools.indices { pump(PoolID(index: index), at: now, into: &effects) }
    }

    /// Learns from a provider's rate-limit headers.
    ///
    /// - Parameters:
    ///   - id: the call whose attempt they answer; name it before ``attemptEnded`` is told of the attempt.
    ///   - serves: whether somebody may be sent on what they say; not so for those of a 429, which freezes first.
    package mutating func observe(
        _ report: QuotaReport, from id: CallID?, pool: PoolID, serves: Bool = true, at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        let mark = id.flatMap { calls[$0] }.flatMap { $0.pool == pool ? $0.mark : nil }
        pools[pool.index].limiter.observe(report, mark: mark, at: now)
        if serves, pools[pool.index].queue.count > 0 { pump(pool, at: now, into: &effects) }
    }
}
