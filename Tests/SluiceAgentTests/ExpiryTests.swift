import SluicePolicy
import Testing

@Suite("The core: deadlines that pass together")
struct ExpiryTests {
    @Test("A call that expires in the queue is not sent because another one expired beside it")
    func together() throws {
        var engine = PolicyEngine()
        let start = MonotonicTime(microseconds: 0)
        let deadline = start.advanced(byMicroseconds: 1_000)
        let pool = engine.addPool(PoolParameters(limits: PoolLimits(maxInFlight: 1)), at: start)
        let group = engine.addGroup([pool])
        var effects: [Effect] = []
        let calls = try (0..<3).map { _ in
            let arrival = Arrival(group: group, cost: CallCost(tokens: 1), bytes: 1, deadline: deadline)
            return try engine.arrive(arrival, at: start, into: &effects)
        }
        effects = []
        engine.tick(at: deadline, into: &effects)
        #expect(effects.count == 3)
        for effect in effects {
            guard case .expire(let id, _, let inFlight) = effect else {
                Issue.record("\(effect)")
                continue
            }
            #expect(inFlight == (id == calls[0]))
        }
        #expect(engine.liveCalls == 0 && engine.snapshot(pool, at: deadline).inFlight == 0)
    }
}
