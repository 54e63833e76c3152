/// What goes before a call.
struct WorkAhead: Sendable, Equatable {
    var calls = 0
    var tokens = 0
}

/// How long a call will wait: what fair queueing will send before it, at the pace that limits and room allow, corrected
/// by how such forecasts came out.
extension Pool {
    /// The work that is served before a call of this lane and tenant that has `ownCharge` of its own tenant's before
    /// it.
    ///
    /// Until its start tag is reached every other flow of the lane is served in proportion to its weight, as far as it
    /// has backlog; and until the lane has served all that, every other lane is served in proportion to its share.
    func workAhead(
        _ lane: PolicyLane, _ tenant: TenantID, weight: Int, ownCharge: Int, lanes: [LaneParameters],
        at now: MonotonicTime
    ) -> WorkAhead {
        guard queue.count > 0 else { return WorkAhead() }
        let own = queue.lanes[lane.rawValue]
        var lead = 0
        var backlog = 0
        if let flow = queue.flow(lane, tenant), own.count > 0 {
            lead = Int(max(0, queue.flows[flow].tag - own.virtualTime) / VirtualTime.scale)
            backlog = queue.flows[flow].charge
        }
        let perWeight = lead + ownCharge / weight
        // Of its own tenant's only what stands before it counts: not the call itself, and not what stands behind it.
        let (most, overflow) = perWeight.multipliedReportingOverflow(by: weight)
        let others = own.profile.served(perWeight: perWeight) - min(backlog, overflow ? backlog : most)
        let inLane = min(own.charge, max(0, others) + min(ownCharge, backlog))
        let start = own.ready.isEmpty ? max(own.tag, queue.laneTime) : own.tag
        let end = start + VirtualTime.step(min(inLane, VirtualTime.chargeCeiling), weight: lanes[lane.rawValue].share)
        var ahead = Self.part(own, inLane)
        for index in 0..<PolicyLane.count where index != lane.rawValue && queue.lanes[index].count > 0 {
            let other = queue.lanes[index]
            let most = max(0, end - other.tag) / VirtualTime.scale
            let due = Int(clamping: most.multipliedReportingOverflow(by: Int64(lanes[index].share)).partialValue)
            // A lane that has stood for a while is filled again as fast as it is served.
            let part = Self.part(other, other.hasStood(at: now) ? due : min(other.charge, due))
            ahead.calls += part.calls
            ahead.tokens += part.tokens
        }
        return ahead
    }

    private static func part(_ lane: LaneQueue, _ charge: Int) -> WorkAhead {
        guard lane.charge > 0, charge > 0 else { return WorkAhead() }
        let share = Double(charge) / Double(lane.charge)
        return WorkAhead(calls: Int(Double(lane.count) * share), tokens: Int(Double(lane.tokens) * share))
    }

    /// When it will be sent, uncorrected.
    ///
    /// - Parameter backloggedFor: how long its tenant has had calls waiting, if others of them go before it.
    func estimatedStart(
        _ cost: CallCost, _ lane: PolicyLane, after ahead: WorkAhead, backloggedFor: Int64 = 0,
        lanes: [LaneParameters],
        at now: MonotonicTime
    ) -> MonotonicTime {
        let reserve = queue.reservePercent(lane, lanes[lane.rawValue], backloggedFor: backloggedFor)
        let byQuota = limiter.grantTime(
            cost, ahead: ahead.calls, aheadTokens: ahead.tokens, reservePercent: reserve, at: now)
        guard !hasRoomInFlight else { return byQuota }
        // A pool that is full has room again once in every mean service time divided by its places.
        let byRoom = Int64(ahead.calls + 1) * meanServiceMicroseconds / Int64(guarding.limit)
        return max(byQuota, now.advanced(byMicroseconds: byRoom))
    }
}
