import SluicePolicy

// What callers do.

extension Simulator {
    mutating func arrive(_ call: WorkloadCall) {
        guard recorder.arrived < Self.maximumCalls else { return }
        let serial = recorder.arrived
        let costs = reservations.costs(of: call)
        let deadline = now + call.deadline
        let arrival = Arrival(
            group: groups[call.pool], lane: call.lane, tenant: call.tenant.map { tenants[$0] } ?? .shared,
            feature: call.feature.map { features[$0] } ?? .none, endpoint: call.endpoint, cost: costs[0],
            bytes: call.bytes, deadline: MonotonicTime(microseconds: deadline),
            fallbacks: zip(call.fallbacks, costs.dropFirst()).map {
                FallbackRoute(group: groups[$0.pool], cost: $1, triggers: $0.triggers)
            })
        recorder.offered(call, serial: serial, at: now)
        do {
            let id = try engine.arrive(arrival, at: time, into: &effects)
            let pool = engine.pool(of: id) ?? PoolID(index: 0)
            let live = LiveCall(
                call: call, serial: serial, arrivedAt: now, deadlineAt: deadline, cost: costs[0], costs: costs,
                pool: pool)
            if calls.updateValue(live, forKey: id) != nil { recorder.ledger.fail(.endsOnce, "a name was given twice") }
            recorder.admitted(live, at: now)
            if let after = call.cancelAfter { agenda.add(.cancel(id), at: now + after) }
        } catch {
            recorder.refusedAtDoor(call, serial: serial, error, at: now)
            callAgain(call, retryAfter: error.retryAfter ?? Self.second)
        }
    }

    mutating func cancel(_ id: CallID) {
        guard let live = calls[id] else { return }
        let wasSent = engine.cancel(id, at: time, into: &effects)
        if wasSent != (live.state == .sent) { recorder.ledger.fail(.endsOnce, "cancel says sent: \(wasSent)") }
        finish(id, .cancelled)
    }

    /// The one way out of a call that was let in.
    mutating func finish(_ id: CallID, _ end: CallEnd) {
        guard let live = calls.removeValue(forKey: id) else {
            return recorder.ledger.fail(.endsOnce, "a call that is gone ended again")
        }
        recorder.ended(live, end, at: now)
        var retryAfter: Int64?
        if case .refused(let refusal) = end { retryAfter = refusal.retryAfter ?? Self.second }
        callAgain(live.call, retryAfter: retryAfter)
    }

    private mutating func callAgain(_ call: WorkloadCall, retryAfter: Int64?) {
        guard call.isClosed, let next = sources[call.source].nextThink(at: now, retryAfter: retryAfter) else { return }
        agenda.add(.caller(source: call.source), at: next)
    }
}
