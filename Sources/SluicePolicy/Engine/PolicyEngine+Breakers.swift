/// Calls before an open breaker.
extension PolicyEngine {
    /// Opens or closes a pool's breakers by hand.
    ///
    /// - Parameter endpoint: nil for all of them.
    package mutating func force(
        _ force: BreakerForce, pool id: PoolID, endpoint: Int?, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        for index in 0..<Pool.endpoints where endpoint == nil || endpoint == index {
            if pools[id.index].breakers[index] == nil {
                if force == .none { continue }
                pools[id.index].breakers[index] = CircuitBreaker()
            }
            pools[id.index].breakers[index]?.force(force)
            breakerChanged(id, index, at: now, into: &effects)
        }
        pump(id, at: now, into: &effects)
    }

    /// A breaker opened: whoever may not wait for it leaves. Or it closed: whoever waited comes back.
    mutating func breakerChanged(
        _ id: PoolID, _ endpoint: Int, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        let index = id.index
        switch pools[index].breakers[endpoint]?.standing(at: now) {
        case .closed, .forcedClosed, nil:
            while let slot = pools[index].queue.firstBehind(breaker: endpoint) { takeBack(slot, index) }
        case .halfOpen: break
        case .open, .forcedOpen:
            let until = pools[index].breakers[endpoint]?.reopensAt ?? .never
            for slot in pools[index].queue.queuedSlots {
                let call = calls.id(ofSlot: slot)
                guard let record = calls[call], record.endpoint == endpoint else { continue }
                meetBreaker(call, record, until: until, at: now, into: &effects)
            }
        }
    }

    /// A call that may not be sent for now takes its fallback, waits, or is refused.
    mutating func meetBreaker(
        _ id: CallID, _ record: CallRecord, until: MonotonicTime, at now: MonotonicTime, into effects: inout [Effect]
    ) {
        if fallBack(id, record, .breakerOpen, at: now, into: &effects) { return }
        guard parameters.lanes[record.lane.rawValue].waitsForBreaker else {
            let wait = retryAfter(until, at: now)
            retire(id, record)
            effects.append(
                .refuse(id, .breakerOpen(retryAfterMicroseconds: wait), attempts: record.attempts))
            return
        }
        pools[record.pool.index].queue.park(Int(id.slot), record, .breaker)
        calls.update(id) { $0.place = .breaker }
    }

    mutating func takeBack(_ slot: Int, _ index: Int) {
        let id = calls.id(ofSlot: slot)
        guard let record = calls[id] else { preconditionFailure("a parked call is gone: \(id)") }
        pools[index].queue.unpark(slot, record)
        calls.update(id) { $0.place = .queue }
    }

    /// Lets as many waiting calls out as a half-open breaker wants to see, the lowest lane's first; answers whether
    /// any went.
    @discardableResult
    mutating func letProbesOut(_ index: Int, at now: MonotonicTime) -> Bool {
        guard pools[index].queue.isAnyBehindBreaker else { return false }
        var hasLetOut = false
        for endpoint in 0..<Pool.endpoints {
            guard let breaker = pools[index].breakers[endpoint], breaker.standing(at: now) == .halfOpen else {
                continue
            }
            var wanted = parameters.breaker.probes.max() ?? 1
            while wanted > 0, let slot = pools[index].queue.firstBehind(breaker: endpoint) {
                let record = calls[calls.id(ofSlot: slot)]
                guard let lane = record?.lane,
                    breaker.admission(lane, parameters.breaker, at: now) == .probe
                else { break }
                takeBack(slot, index)
                hasLetOut = true
                wanted -= 1
            }
        }
        return hasLetOut
    }

    /// When a call that waits for a breaker may be let out.
    func nextProbe(_ index: Int, at now: MonotonicTime) -> MonotonicTime {
        guard pools[index].queue.isAnyBehindBreaker else { return .never }
        var time = MonotonicTime.never
        for endpoint in 0..<Pool.endpoints {
            guard let breaker = pools[index].breakers[endpoint],
                let slot = pools[index].queue.firstBehind(breaker: endpoint),
                let lane = calls[calls.id(ofSlot: slot)]?.lane
            else { continue }
            if let from = breaker.probes(from: lane), from > now { time = min(time, from) }
        }
        return time
    }

    /// Lets one call of each feature through that waits for its bulkhead though there is room; answers whether any
    /// went.
    mutating func letFeaturesOut(_ index: Int) -> Bool {
        guard pools[index].queue.isAnyBehindFeature else { return false }
        var hasLetOut = false
        for feature in features.indices where letBehind(FeatureID(index: feature), in: index) { hasLetOut = true }
        return hasLetOut
    }

    /// Lets the next call through that waits for this feature's bulkhead, if there is room; answers whether one went.
    mutating func letBehind(_ feature: FeatureID, in index: Int) -> Bool {
        guard let slot = pools[index].queue.firstBehind(feature) else { return false }
        if let limit = features[feature.index].parameters.maxInFlight,
            pools[index].inFlight(of: feature) >= limit
        {
            return false
        }
        takeBack(slot, index)
        return true
    }
}
