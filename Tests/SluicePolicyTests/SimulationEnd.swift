@testable import SluicePolicy

/// What must hold when all has ended.
extension Simulation {
    mutating func checkEnd() {
        if engine.liveCalls != 0 || !calls.isEmpty { fail("\(engine.liveCalls) calls live at the end") }
        if ended != admitted { fail("\(admitted) admitted, \(ended) ended") }
        for index in pools.indices { checkIdle(index) }
        now += .seconds(200_000)
        for index in pools.indices { checkFull(index) }
        for (index, tenant) in engine.tenants.enumerated() {
            let ceilings = tenant.ceilings
            let burst = CallCost(tokens: max(1, (ceilings.tokensPerMinute ?? 12) / 12))
            if ceilings.grantTime(burst, at: at(now)) > at(now) { fail("tenant \(index) is in debt") }
        }
    }

    /// No sum has a rest: what came in went out again.
    private mutating func checkIdle(_ index: Int) {
        let pool = engine.pools[index]
        if pool.inFlight != 0 || pool.queue.count != 0 || pool.queue.bytes != 0 { fail("pool \(index) is not idle") }
        for lane in pool.queue.lanes {
            let sums = [lane.count, lane.charge, lane.tokens, lane.inFlight, lane.ready.count, lane.fresh]
            if sums.contains(where: { $0 != 0 }) { fail("a lane of pool \(index) keeps \(sums)") }
            if lane.profile.served(perWeight: 1 << 40) != 0 { fail("a profile of pool \(index) keeps backlog") }
        }
        let flows = pool.queue.flows
        if flows.contains(where: { $0.count != 0 || $0.charge != 0 || $0.tokens != 0 || !$0.heap.isEmpty }) {
            fail("a flow of pool \(index) keeps something")
        }
        if !pool.queue.parkedSlots.isEmpty { fail("parked for ever: \(pool.queue.parkedSlots)") }
        for tenant in tenants.indices where pool.inFlight(of: TenantID(index: tenant)) != 0 { fail("tenant \(tenant)") }
        for feature in features.indices where pool.inFlight(of: FeatureID(index: feature)) != 0 {
            fail("feature \(feature)")
        }
    }

    /// Two days later exactly a full bucket can be had at once: nothing leaked.
    private mutating func checkFull(_ index: Int) {
        let limiter = engine.pools[index].limiter
        for quota in [limiter.requests, limiter.tokens] {
            guard let bucket = quota.bucket else { continue }
            if bucket.available(at: at(now)) != bucket.capacity { fail("a bucket of pool \(index) is not full again") }
        }
        if pools[index].images.limit ?? 0 >= 12 {
            let burst = CallCost(tokens: 0, images: max(1, ((pools[index].images.limit ?? 0) * 19 + 10) / 20 / 12))
            if limiter.grantTime(burst, at: at(now)) > at(now) { fail("images of pool \(index) are not full again") }
        }
    }
}

/// A running digest of everything that was said, by FNV-1a over its text.
struct Trace: Equatable {
    private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var count = 0

    mutating func add(_ item: some Any) {
        count += 1
        for byte in "\(item)".utf8 { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }
}
