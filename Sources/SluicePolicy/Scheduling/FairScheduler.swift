/// Who goes next in one pool: hierarchical start-time fair queueing.
///
/// Lanes share the pool by ``LaneParameters/share``, tenants share a lane by weight, and inside a tenant the earliest
/// deadline goes first. A flow that has been served *W* at weight *w* stands at *W/w*; the lowest goes next. A flow
/// that comes back from idleness starts where the flow that was served last stood, so nobody saves up credit.
///
/// Fairness: over any interval in which two flows of one lane wait all the time, |W₁/w₁ − W₂/w₂| ≤ L₁/w₁ + L₂/w₂, *L*
/// being a flow's largest charge (Goyal, Vin and Cheng, *Start-time Fair Queueing*, SIGCOMM 1996, theorem 1, which
/// holds whatever the server's rate does). Settlement moves a flow by the difference between what was reserved and what
/// was used, and widens the bound by what is still to be settled.
struct FairScheduler: Sendable {
    private(set) var lanes = [LaneQueue](repeating: LaneQueue(), count: PolicyLane.count)
    private(set) var flows: [Flow] = []
    /// Flow of each tenant in each lane, by tenant; -1 for none.
    private var flowOf = [[Int32]](repeating: [], count: PolicyLane.count)
    /// Idle flows, oldest first, for reuse.
    private var idle: [Int32] = []
    private var idleFrom = 0
    /// Flows that their tenant's rate ceiling holds back, by the time it lets go.
    private var throttled = SlotHeap()
    /// Start tag of the lane that was served last.
    private var virtualTime: Int64 = 0
    private(set) var count = 0
    private(set) var bytes = 0
    private var places = CallPlaces()
    /// Calls that wait for a feature's bulkhead, by feature.
    private var behindFeature: [CallHeap] = []
    private var parkedBehindFeatures = 0
    private var parkedBehindBreakers = 0
    /// Calls that wait for a breaker, by endpoint; the lowest lane first, for it risks least.
    private var behindBreaker = [CallHeap](repeating: CallHeap(), count: Pool.endpoints)

    // MARK: What waits

    /// The flow of a tenant in a lane, if it has one.
    func flow(_ lane: PolicyLane, _ tenant: TenantID) -> Int? {
        let table = flowOf[lane.rawValue]
        guard tenant.index < table.count, table[tenant.index] >= 0 else { return nil }
        return Int(table[tenant.index])
    }

    /// Where a lane that comes back begins.
    var laneTime: Int64 { virtualTime }

    var tokens: Int { lanes[0].tokens + lanes[1].tokens + lanes[2].tokens + lanes[3].tokens }

    /// Whether a lane above waits, which then needs no reserve any more.
    func waits(above lane: PolicyLane) -> Bool {
        for index in 0..<lane.rawValue where lanes[index].count > 0 { return true }
        return false
    }

    /// Per cent of the burst that a call of this lane leaves to others: what the lane leaves to lanes above it, and on
    /// top what a tenant that always waits leaves to those of its lane that do not, as long as none of them waits. So
    /// who asks for little is served at once beside one that asks for all.
    func reservePercent(_ lane: PolicyLane, _ parameters: LaneParameters, backloggedFor: Int64) -> Int {
        if waits(above: lane) { return 0 }
        guard backloggedFor > 0, flows.count > 1, lanes[lane.rawValue].fresh == 0 else {
            return parameters.reservePercent
        }
        let full = LaneParameters.backlogReserveMicroseconds
        let own = Int(Int64(LaneParameters.backlogReservePercent) * min(backloggedFor, full) / full)
        return max(
            parameters.reservePercent, min(LaneParameters.reserveCeilingPercent, parameters.reservePercent + own))
    }

    /// How long a flow has had more waiting than its share allows; zero for one that has not.
    func backlogAge(_ flow: Int, at now: MonotonicTime) -> Int64 {
        flows[flow].backloggedSince.map { max(1, now.microseconds(since: $0)) } ?? 0
    }

    /// Whether somebody else than this flow waits.
    func isShared(besides flow: Int?) -> Bool { count > (flow.map { flows[$0].count } ?? 0) }

    // MARK: In and out

    /// Puts a call in its tenant's queue, at its deadline's place.
    mutating func enqueue(_ slot: Int, _ record: CallRecord, weight: Int) {
        let flow = flow(for: record, weight: weight)
        account(flow, record, sign: 1)
        addToHeap(flow, slot, record)
    }

    private mutating func addToHeap(_ flow: Int, _ slot: Int, _ record: CallRecord) {
        flows[flow].heap.insert(
            slot, key: record.deadline.microseconds, sequence: record.sequence, &places)
        if flows[flow].standing == .idle { makeReady(flow) }
    }

    /// Takes a call out, wherever it waits.
    mutating func remove(_ slot: Int, _ record: CallRecord) {
        guard let flow = flow(record.lane, record.tenant) else { preconditionFailure("call \(slot) has no flow") }
        switch record.place {
        case .queue:
            flows[flow].heap.remove(slot, &places)
            if flows[flow].heap.isEmpty { makeIdle(flow) }
        case .feature:
            behindFeature[record.feature.index].remove(slot, &places)
            parkedBehindFeatures -= 1
        case .breaker:
            behindBreaker[record.endpoint].remove(slot, &places)
            parkedBehindBreakers -= 1
        }
        account(flow, record, sign: -1)
        listIfIdle(flow)
    }

    private mutating func account(_ flow: Int, _ record: CallRecord, sign: Int) {
        let lane = record.lane.rawValue
        let before = flows[flow].charge
        flows[flow].count += sign
        flows[flow].charge += sign * record.charge
        flows[flow].tokens += sign * record.cost.tokens
        lanes[lane].count += sign
        if lanes[lane].count == 0 { lanes[lane].waitingSince = nil }
        if sign > 0, lanes[lane].count == 1 { lanes[lane].waitingSince = record.queuedAt }
        lanes[lane].charge += sign * record.charge
        lanes[lane].tokens += sign * record.cost.tokens
        lanes[lane].profile.move(from: before, to: flows[flow].charge, weight: flows[flow].weight)
        count += sign
        bytes += sign * record.bytes
        assert(count >= 0 && bytes >= 0 && flows[flow].count >= 0, "queue sums fell below zero")
    }

    // MARK: Flows

    private mutating func flow(for record: CallRecord, weight: Int) -> Int {
        let lane = record.lane.rawValue
        if let known = flow(record.lane, record.tenant) {
            if flows[known].count == 0 { reweigh(known, weight) }
            return known
        }
        let slot = reusedFlow() ?? flows.count
        let flow = Flow(tenant: record.tenant, lane: record.lane, weight: weight)
        if slot == flows.count { flows.append(flow) } else { flows[slot] = flow }
        while flowOf[lane].count <= record.tenant.index { flowOf[lane].append(-1) }
        flowOf[lane][record.tenant.index] = Int32(slot)
        return slot
    }

    /// Changes a flow's weight; what it was served before counts at the old one.
    mutating func reweigh(_ flow: Int, _ weight: Int) {
        guard flows[flow].weight != weight else { return }
        let lane = flows[flow].lane.rawValue
        lanes[lane].profile.move(from: flows[flow].charge, to: 0, weight: flows[flow].weight)
        flows[flow].weight = weight
        flows[flow].remainder = 0
        lanes[lane].profile.move(from: 0, to: flows[flow].charge, weight: weight)
    }

    /// An idle flow whose tag has been overtaken: forgetting it gives its tenant nothing.
    private mutating func reusedFlow() -> Int? {
        guard idleFrom < idle.count else { return nil }
        let slot = Int(idle[idleFrom])
        let flow = flows[slot]
        guard flow.count == 0 else {
            dropListedIdle()
            flows[slot].isListedIdle = false
            return nil
        }
        guard flow.tag <= lanes[flow.lane.rawValue].virtualTime else { return nil }
        dropListedIdle()
        flowOf[flow.lane.rawValue][flow.tenant.index] = -1
        return slot
    }

    private mutating func dropListedIdle() {
        idleFrom += 1
        guard idleFrom > 64, idleFrom * 2 > idle.count else { return }
        idle.removeFirst(idleFrom)
        idleFrom = 0
    }

    private mutating func listIfIdle(_ flow: Int) {
        guard flows[flow].count == 0, !flows[flow].isListedIdle else { return }
        flows[flow].isListedIdle = true
        idle.append(Int32(flow))
    }

    private mutating func makeReady(_ flow: Int) {
        let lane = flows[flow].lane.rawValue
        if lanes[lane].ready.isEmpty { lanes[lane].tag = max(lanes[lane].tag, virtualTime) }
        flows[flow].tag = max(flows[flow].tag, lanes[lane].virtualTime)
        flows[flow].standing = .ready
        lanes[lane].ready.insert(flow, key: flows[flow].tag)
        if flows[flow].backloggedSince == nil { lanes[lane].fresh += 1 }
    }

    private mutating func makeIdle(_ flow: Int) {
        leaveStanding(flow)
        flows[flow].standing = .idle
        flows[flow].backloggedSince = nil
    }

    private mutating func leaveStanding(_ flow: Int) {
        switch flows[flow].standing {
        case .ready:
            lanes[flows[flow].lane.rawValue].ready.remove(flow)
            if flows[flow].backloggedSince == nil { lanes[flows[flow].lane.rawValue].fresh -= 1 }
        case .throttled: throttled.remove(flow)
        case .idle, .full: break
        }
    }

    // MARK: Choosing

    /// The lane whose turn it is among those that `mayServe`, and its first flow.
    func next(mayServe: (Int) -> Bool) -> (lane: Int, flow: Int, slot: Int)? {
        var best: Int?
        for lane in 0..<PolicyLane.count where !lanes[lane].ready.isEmpty && mayServe(lane) {
            if best.map({ lanes[lane].tag < lanes[$0].tag }) ?? true { best = lane }
        }
        guard let lane = best, let flow = lanes[lane].ready.first, let slot = flows[flow].heap.first else { return nil }
        return (lane, flow, slot)
    }

    /// Takes out the call that was chosen and charges it to its flow and its lane.
    mutating func dispatch(_ slot: Int, _ record: CallRecord, share: Int, at now: MonotonicTime) {
        guard let flow = flow(record.lane, record.tenant) else { preconditionFailure("call \(slot) has no flow") }
        let lane = record.lane.rawValue
        assert(flows[flow].standing == .ready && flows[flow].heap.first == slot, "call \(slot) is not next")
        virtualTime = lanes[lane].tag
        lanes[lane].virtualTime = max(lanes[lane].virtualTime, flows[flow].tag)
        remove(slot, record)
        if flows[flow].standing == .ready, flows[flow].backloggedSince == nil {
            flows[flow].backloggedSince = now
            lanes[lane].fresh -= 1
        }
        lanes[lane].inFlight += 1
        credit(flow, -record.charge, share: share)
        if virtualTime > VirtualTime.rebaseAt || lanes[lane].virtualTime > VirtualTime.rebaseAt { rebase() }
    }

    /// Moves a flow and its lane by a charge that turned out smaller (positive) or larger (negative).
    mutating func correct(_ record: CallRecord, by charge: Int, share: Int) {
        guard charge != 0, let flow = flow(record.lane, record.tenant) else { return }
        credit(flow, min(max(charge, -VirtualTime.chargeCeiling), VirtualTime.chargeCeiling), share: share)
    }

    private mutating func credit(_ flow: Int, _ charge: Int, share: Int) {
        let lane = flows[flow].lane.rawValue
        let weight = flows[flow].weight
        flows[flow].tag += VirtualTime.step(-charge, weight: weight, remainder: &flows[flow].remainder)
        // Shares change with the configuration only; what is left over of an old one is less than a token.
        lanes[lane].remainder %= Int64(share)
        lanes[lane].tag += VirtualTime.step(-charge, weight: share, remainder: &lanes[lane].remainder)
        guard flows[flow].standing == .ready else { return }
        lanes[lane].ready.remove(flow)
        lanes[lane].ready.insert(flow, key: flows[flow].tag)
    }

    /// An attempt is over. A lane that stood at its ceiling comes back as one that was idle.
    mutating func attemptEnded(_ lane: PolicyLane, ceiling: Int) {
        if lanes[lane.rawValue].inFlight >= ceiling {
            lanes[lane.rawValue].tag = max(lanes[lane.rawValue].tag, virtualTime)
        }
        lanes[lane.rawValue].inFlight -= 1
        assert(lanes[lane.rawValue].inFlight >= 0, "more attempts ended than began")
    }

    private mutating func rebase() {
        for lane in lanes.indices {
            let base = lanes[lane].virtualTime
            for flow in flows.indices where flows[flow].lane.rawValue == lane {
                flows[flow].tag = max(0, flows[flow].tag - base)
                guard flows[flow].standing == .ready else { continue }
                lanes[lane].ready.remove(flow)
                lanes[lane].ready.insert(flow, key: flows[flow].tag)
            }
            lanes[lane].virtualTime = 0
            lanes[lane].tag = max(0, lanes[lane].tag - virtualTime)
        }
        virtualTime = 0
    }

    // MARK: Holding back

    /// When the first flow that its tenant's ceiling holds back may go on.
    var nextRelease: MonotonicTime? { throttled.firstKey.map { MonotonicTime(microseconds: $0) } }

    mutating func throttle(_ flow: Int, until time: MonotonicTime) {
        assert(flows[flow].standing == .ready, "flow \(flow) was not ready")
        leaveStanding(flow)
        flows[flow].standing = .throttled
        throttled.insert(flow, key: time.microseconds)
    }

    mutating func releaseThrottled(at now: MonotonicTime) {
        while let key = throttled.firstKey, key <= now.microseconds, let flow = throttled.popFirst() {
            flows[flow].standing = .idle
            makeReady(flow)
        }
    }

    /// The tenant has as many attempts under way as it may.
    mutating func fill(_ flow: Int) {
        assert(flows[flow].standing == .ready, "flow \(flow) was not ready")
        leaveStanding(flow)
        flows[flow].standing = .full
    }

    /// The tenant has room again, in every lane.
    mutating func releaseFull(_ tenant: TenantID) {
        for lane in PolicyLane.allCases {
            guard let flow = flow(lane, tenant), flows[flow].standing == .full else { continue }
            flows[flow].standing = .idle
            makeReady(flow)
        }
    }

    /// The tenant's plan changed: what held its flow back may hold no more.
    mutating func release(_ flow: Int) {
        guard flows[flow].standing == .full || flows[flow].standing == .throttled else { return }
        leaveStanding(flow)
        flows[flow].standing = .idle
        makeReady(flow)
    }

    /// Asks a flow's overload control about the call that is about to be served.
    mutating func sheds(
        _ flow: Int, sojourn: Int64, target: Int64, interval: Int64, isLast: Bool, at now: MonotonicTime
    ) -> Bool {
        flows[flow].shedder.sheds(sojourn: sojourn, target: target, interval: interval, isLast: isLast, at: now)
    }

    /// Takes a call out of its tenant's queue until its feature has room or its breaker closes.
    mutating func park(_ slot: Int, _ record: CallRecord, _ place: CallPlace) {
        guard let flow = flow(record.lane, record.tenant) else { preconditionFailure("call \(slot) has no flow") }
        assert(record.place == .queue, "call \(slot) is parked already")
        flows[flow].heap.remove(slot, &places)
        if flows[flow].heap.isEmpty { makeIdle(flow) }
        hold(slot, record, place)
    }

    private mutating func hold(_ slot: Int, _ record: CallRecord, _ place: CallPlace) {
        switch place {
        case .queue: preconditionFailure("the queue is no place to park")
        case .feature:
            while behindFeature.count <= record.feature.index { behindFeature.append(CallHeap()) }
            behindFeature[record.feature.index].insert(
                slot, key: record.deadline.microseconds, sequence: record.sequence, &places)
            parkedBehindFeatures += 1
        case .breaker:
            behindBreaker[record.endpoint].insert(
                slot, key: Int64(PolicyLane.count - record.lane.rawValue), sequence: record.sequence, &places)
            parkedBehindBreakers += 1
        }
    }

    /// Whether any call waits for a breaker.
    var isAnyBehindBreaker: Bool { parkedBehindBreakers > 0 }

    /// Whether any call waits for a feature's bulkhead.
    var isAnyBehindFeature: Bool { parkedBehindFeatures > 0 }

    /// The first call behind a feature's bulkhead.
    func firstBehind(_ feature: FeatureID) -> Int? {
        feature.index < behindFeature.count ? behindFeature[feature.index].first : nil
    }

    /// The first call behind a breaker: of the lowest lane, for it risks least.
    func firstBehind(breaker endpoint: Int) -> Int? { behindBreaker[endpoint].first }

    /// Puts a parked call back at its place.
    mutating func unpark(_ slot: Int, _ record: CallRecord) {
        guard let flow = flow(record.lane, record.tenant) else { preconditionFailure("call \(slot) has no flow") }
        switch record.place {
        case .queue: preconditionFailure("call \(slot) is not parked")
        case .feature:
            behindFeature[record.feature.index].remove(slot, &places)
            parkedBehindFeatures -= 1
        case .breaker:
            behindBreaker[record.endpoint].remove(slot, &places)
            parkedBehindBreakers -= 1
        }
        addToHeap(flow, slot, record)
    }

    /// Every waiting call, flow by flow, each flow's in the order in which they would be served.
    func allWaiting(_ visit: (_ flow: Int, _ calls: [CallHeap.Entry]) -> Void) {
        for flow in flows.indices where !flows[flow].heap.isEmpty {
            visit(flow, flows[flow].heap.entries.sorted { $0.precedes($1) })
        }
    }

    /// Slots of the calls that wait in their tenants' queues.
    var queuedSlots: [Int] { flows.flatMap { $0.heap.entries.map { Int($0.slot) } } }

    /// Slots of all calls that are parked.
    var parkedSlots: [Int] { (behindFeature + behindBreaker).flatMap { $0.entries.map { Int($0.slot) } } }

    mutating func learn(_ lane: PolicyLane, computed: Int64, real: Int64) {
        lanes[lane.rawValue].forecast.learn(computed: computed, real: real)
    }
}
