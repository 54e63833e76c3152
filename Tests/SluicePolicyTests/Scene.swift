import SluicePolicy

/// The smallest scene in which one decision shows: an engine, and what it said last.
struct Scene {
    var engine: PolicyEngine
    var effects: [Effect] = []

    /// Lanes that keep nothing back and shed nothing.
    static let plainLanes = [16, 4, 2, 1].map { LaneParameters(share: $0) }

    init(_ parameters: PolicyParameters = PolicyParameters(lanes: Scene.plainLanes)) {
        engine = PolicyEngine(parameters)
    }

    mutating func pool(_ limits: PoolLimits = PoolLimits(), queueCalls: Int = 10, queueBytes: Int = 100) -> PoolID {
        engine.addPool(PoolParameters(limits: limits, queueCalls: queueCalls, queueBytes: queueBytes), at: at(0))
    }

    mutating func group(_ limits: PoolLimits = PoolLimits(), queueCalls: Int = 10, queueBytes: Int = 100) -> GroupID {
        engine.addGroup([pool(limits, queueCalls: queueCalls, queueBytes: queueBytes)])
    }

    mutating func arrive(
        _ group: GroupID, lane: PolicyLane = .normal, tenant: TenantID = .shared, feature: FeatureID = .none,
        tokens: Int = 1, bytes: Int = 0, deadline: Int64 = .max, fallbacks: [FallbackRoute] = [], now: Int64 = 0
    ) throws -> CallID {
        effects = []
        let arrival = Arrival(
            group: group, lane: lane, tenant: tenant, feature: feature, cost: CallCost(tokens: tokens), bytes: bytes,
            deadline: at(deadline), fallbacks: fallbacks)
        return try engine.arrive(arrival, at: at(now), into: &effects)
    }

    mutating func end(
        _ id: CallID, _ outcome: AttemptOutcome = .success(usedTokens: nil), mayRetry: Bool = true,
        took: Int64 = 1_000, random: UInt64 = 0, now: Int64
    ) -> AttemptVerdict {
        effects = []
        return engine.attemptEnded(
            id, outcome, mayRetry: mayRetry, serviceMicroseconds: took, random: random, at: at(now), into: &effects)
    }

    mutating func tick(_ now: Int64) {
        effects = []
        engine.tick(at: at(now), into: &effects)
    }

    /// Opens or closes all breakers of a pool.
    mutating func force(_ force: BreakerForce, _ pool: PoolID, now: Int64) {
        effects = []
        engine.force(force, pool: pool, endpoint: nil, at: at(now), into: &effects)
    }

    /// Whom the last event sent, in order.
    var sent: [CallID] {
        effects.compactMap { if case .send(let id, _) = $0 { id } else { nil } }
    }

    /// How the last event sent a call.
    func dispatch(of id: CallID) -> Dispatch? {
        for case .send(id, let dispatch) in effects { return dispatch }
        return nil
    }
}
