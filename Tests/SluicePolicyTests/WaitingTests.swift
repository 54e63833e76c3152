import SluicePolicy
import Testing

/// What those who wait are told, and where they go when their key is taken away.
@Suite struct WaitingTests {
    private var scene = Scene()

    private func told(_ id: CallID) -> (position: Int, eta: Int64)? {
        for case .queued(id, let position, let eta) in scene.effects { return (position, eta) }
        return nil
    }

    @Test mutating func anEarlierDeadlineIsToldItsRealPlace() throws {
        let group = scene.group(PoolLimits(maxInFlight: 1))
        _ = try scene.arrive(group, deadline: .seconds(9))
        for second in 4...6 { _ = try scene.arrive(group, deadline: .seconds(Int64(second))) }
        let urgent = try scene.arrive(group, deadline: .seconds(3))
        #expect(told(urgent)?.position == 1)
        let patient = try scene.arrive(group, deadline: .seconds(8))
        #expect(told(patient)?.position == 5)
    }

    /// Twelve a minute is a burst of one, then one each five seconds.
    @Test mutating func aTenantsOwnCeilingIsPartOfTheEstimate() throws {
        let group = scene.group()
        let tenant = scene.engine.addTenant(TenantParameters(requestsPerMinute: 12), at: at(0))
        _ = try scene.arrive(group, tenant: tenant)
        for place in 1...3 {
            let id = try scene.arrive(group, tenant: tenant)
            #expect(told(id)?.eta == .seconds(5) * Int64(place))
        }
    }

    /// One that waits in the queue, one between two attempts: both are served by the key that is left.
    @Test mutating func aKeyThatIsTakenAwayKeepsNobody() throws {
        let pools = [scene.pool(PoolLimits(maxInFlight: 1)), scene.pool(PoolLimits(maxInFlight: 1))]
        let group = scene.engine.addGroup(pools)
        let running = try (0..<2).map { _ in try scene.arrive(group) }
        let waiting = try scene.arrive(group)
        let home = try #require(scene.engine.pool(of: waiting))
        let first = try #require(running.first { scene.engine.pool(of: $0) == home })
        let verdict = scene.end(first, .transient(.serverError), now: 1_000)
        #expect(verdict != .finished && scene.sent == [waiting])
        let last = try scene.arrive(group, now: 2_000)
        let other = try #require(pools.first { $0 != home })
        scene.engine.reconfigure(group, [other])
        scene.effects = []
        scene.engine.withdraw(home, at: at(3_000), into: &scene.effects)
        #expect(scene.engine.pool(of: last) == other)
        scene.tick(.seconds(60))
        #expect(scene.engine.pool(of: first) == other)
    }
}
