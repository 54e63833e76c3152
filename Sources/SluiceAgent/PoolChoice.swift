import SluiceOpenAI
import SluicePolicy
import SluiceWire

/// Which of a model's pools, one for each key, takes a call.
extension Coordinator {
    /// How long a key that the provider refused, or whose account has no quota left, is taken only when no other can:
    /// one minute, long enough not to feed it, short enough to notice when it works again.
    static let avoidedForMicroseconds: Int64 = 60_000_000

    /// The candidates, best first: usable keys before refused ones, then by when the call would be sent, then by load.
    func rankedPools(_ plan: CallPlan, at now: MonotonicTime) throws(WireError) -> [PoolRuntime] {
        let candidates = pools.candidates(model: plan.view.model, engine: &policy, at: now)
        guard !candidates.isEmpty else {
            throw WireError(
                .policyNoCredentials,
                "no usable API key is configured for this model's upstream; see `sluice config check`")
        }
        guard candidates.count > 1 else { return candidates }
        let ranks = candidates.map { rank($0, plan.cost, at: now) }
        return candidates.indices.sorted { ranks[$0] < ranks[$1] }.map { candidates[$0] }
    }

    private func rank(_ pool: PoolRuntime, _ cost: CallCost, at now: MonotonicTime) -> (Int, Int64, Int) {
        let snapshot = policy.snapshot(pool.id)
        let isAvoided = pool.avoidedUntil.map { $0 > now } ?? false
        let wait = policy.estimatedStart(cost, pool: pool.id, at: now).microseconds(since: now)
        return (isAvoided ? 1 : 0, max(0, wait), snapshot.queued + snapshot.inFlight)
    }

    /// Remembers what an answer says of the key itself.
    func judgeKey(of call: CallContext, _ result: AttemptReading.Result, at now: MonotonicTime) {
        switch result {
        case .answered, .streamed: call.pool.avoidedUntil = nil
        case .failed(let error) where error.code == .providerAuthFailed || error.code == .providerQuotaExhausted:
            call.pool.avoidedUntil = now.advanced(byMicroseconds: Self.avoidedForMicroseconds)
        case .failed: break
        }
    }
}
