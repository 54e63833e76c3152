import SluicePolicy
import Testing

/// Chains of fallbacks, and groups of keys.
@Suite struct FallbackTests {
    private var scene = Scene(PolicyParameters(retries: RetryPolicy(maxAttempts: 1), lanes: Scene.plainLanes))

    private func route(_ group: GroupID, _ triggers: FallbackTriggers, tokens: Int = 1) -> FallbackRoute {
        FallbackRoute(group: group, cost: CallCost(tokens: tokens), triggers: triggers)
    }

    @Test mutating func anOpenBreakerSendsToTheNext() throws {
        let (first, other) = (scene.pool(), scene.pool())
        let (group, next) = (scene.engine.addGroup([first]), scene.engine.addGroup([other]))
        scene.force(.open, first, now: 0)
        let id = try scene.arrive(group, fallbacks: [route(next, .error), route(next, .breakerOpen)])
        #expect(scene.dispatch(of: id) == Dispatch(attempt: 1, pool: other, route: 2, isProbe: false))
        #expect(throws: Refusal.breakerOpen(retryAfterMicroseconds: 60_000_000)) {
            try scene.arrive(group, fallbacks: [route(next, .error)])
        }
    }

    @Test mutating func aQueueThatIsFullOrTooLongSendsToTheNext() throws {
        let group = scene.group(PoolLimits(requestsPerMinute: 12), queueCalls: 1)
        let next = scene.group()
        _ = try scene.arrive(group)
        let late = try scene.arrive(group, deadline: 1_000, fallbacks: [route(next, .deadlineUnmeetable)])
        #expect(scene.dispatch(of: late)?.route == 1)
        _ = try scene.arrive(group)
        let crowded = try scene.arrive(group, fallbacks: [route(next, .overloaded)])
        #expect(scene.dispatch(of: crowded)?.route == 1)
        #expect(throws: Refusal.self) { try scene.arrive(group, fallbacks: [route(next, .deadlineUnmeetable)]) }
    }

    @Test mutating func aCallLargerThanALimitGoesToWhoTakesIt() throws {
        let group = scene.group(PoolLimits(tokensPerMinute: 1_000))
        let next = scene.group()
        let id = try scene.arrive(group, tokens: 1_001, fallbacks: [route(next, .quotaExhausted, tokens: 9)])
        #expect(scene.dispatch(of: id)?.route == 1)
    }

    /// Three steps, each taken for its own reason, and the end of the chain is the end of the call.
    @Test mutating func aChainIsWalkedToItsEnd() throws {
        let groups = (0..<4).map { _ in scene.group() }
        let chain = [route(groups[1], .error), route(groups[2], .quotaExhausted), route(groups[3], .error)]
        let id = try scene.arrive(groups[0], fallbacks: chain)
        var verdict = scene.end(id, .transient(.serverError), now: 1)
        #expect(verdict == .fallback(route: 1, trigger: .error))
        #expect(scene.dispatch(of: id) == Dispatch(attempt: 2, pool: PoolID(index: 1), route: 1, isProbe: false))
        verdict = scene.end(id, .keyUnusable(isQuota: true), now: 2)
        #expect(verdict == .fallback(route: 2, trigger: .quotaExhausted))
        verdict = scene.end(id, .transient(.timeout), now: 3)
        #expect(verdict == .fallback(route: 3, trigger: .error))
        #expect(scene.dispatch(of: id)?.attempt == 4)
        verdict = scene.end(id, .transient(.timeout), now: 4)
        #expect(verdict == .finished && scene.engine.liveCalls == 0)
    }

    @Test mutating func theCallersOwnMistakeAndABegunAnswerGoNowhere() throws {
        let (group, next) = (scene.group(), scene.group())
        let any = FallbackTriggers(rawValue: 31)
        for (outcome, mayRetry) in [(AttemptOutcome.refused, true), (.transient(.connectionLost), false)] {
            let id = try scene.arrive(group, fallbacks: [route(next, any)])
            let verdict = scene.end(id, outcome, mayRetry: mayRetry, now: 1)
            #expect(verdict == .finished && scene.effects.isEmpty)
        }
    }

    @Test mutating func aWaitingCallLeavesWhenItsBreakerOpens() throws {
        let pool = scene.pool(PoolLimits(maxInFlight: 1))
        let (group, next) = (scene.engine.addGroup([pool]), scene.group())
        _ = try scene.arrive(group)
        let id = try scene.arrive(group, fallbacks: [route(next, .breakerOpen)])
        let stuck = try scene.arrive(group)
        scene.force(.open, pool, now: 5)
        #expect(scene.effects.contains(.refuse(stuck, .breakerOpen(retryAfterMicroseconds: 60_000_000), attempts: 0)))
        #expect(scene.engine.nextWake == at(5))
        scene.tick(5)
        #expect(scene.dispatch(of: id)?.route == 1)
    }

    // MARK: Keys

    /// Calls go to the key that has most left, so that both are used up alike.
    @Test mutating func keysAreBalancedByWhatEachHasLeft() throws {
        let keys = [1_200, 2_400].map { limit in
            let limits = PoolLimits(requestsPerMinute: limit)
            return scene.engine.addPool(PoolParameters(limits: limits, initialInFlight: 256), at: at(0))
        }
        let group = scene.engine.addGroup(keys)
        var counts = [0, 0]
        for _ in 0..<270 {
            let id = try scene.arrive(group)
            counts[scene.dispatch(of: id)?.pool.index ?? 0] += 1
        }
        #expect(abs(counts[0] - 90) <= 8 && abs(counts[1] - 180) <= 8, "\(counts)")
    }

    /// A key that is refused loses what waits for it to its sibling, and nobody is sent to it while that works.
    @Test mutating func aRefusedKeyLosesItsQueueToItsSibling() throws {
        scene = Scene()
        let keys = [scene.pool(PoolLimits(maxInFlight: 1)), scene.pool(PoolLimits(maxInFlight: 1))]
        let group = scene.engine.addGroup(keys)
        let ids = [try scene.arrive(group), try scene.arrive(group), try scene.arrive(group), try scene.arrive(group)]
        let refused = try #require(scene.engine.pool(of: ids[0]))
        let verdict = scene.end(ids[0], .keyUnusable(isQuota: false), now: 1)
        #expect(verdict == .retry(attempt: 2, delayMicroseconds: 0))
        #expect(ids.allSatisfy { scene.engine.pool(of: $0) != refused })
        #expect(scene.engine.snapshot(refused, at: at(1)).queued == 0)
        let late = try scene.arrive(group, now: 2)
        #expect(scene.engine.pool(of: late) != refused)
        let avoided = scene.engine.snapshot(refused, at: at(1)).avoidedUntil
        #expect(avoided == at(1 + PolicyEngine.avoidedForMicroseconds))
    }

    /// Where every key is refused a call takes its fallback, and without one it is tried all the same.
    @Test mutating func refusedEverywhereTakesTheFallback() throws {
        let (group, next) = (scene.group(), scene.group())
        let first = try scene.arrive(group)
        _ = scene.end(first, .keyUnusable(isQuota: true), now: 0)
        let moved = try scene.arrive(group, fallbacks: [route(next, .quotaExhausted)])
        #expect(scene.dispatch(of: moved)?.route == 1)
        let alone = try scene.arrive(group)
        #expect(scene.dispatch(of: alone)?.route == 0)
        _ = scene.end(moved, .keyUnusable(isQuota: true), now: 0)
        let nowhere = try scene.arrive(group, fallbacks: [route(next, .quotaExhausted)])
        #expect(scene.dispatch(of: nowhere)?.route == 0, "a fallback that is refused too is no better")
    }

    @Test mutating func aKeyThatIsRefusedTriesNoSiblingPastTheDeadline() throws {
        scene = Scene()
        let group = scene.engine.addGroup([scene.pool(), scene.pool()])
        let id = try scene.arrive(group, deadline: 5)
        let verdict = scene.end(id, .keyUnusable(isQuota: false), now: 5)
        #expect(verdict == .finished)
    }

    // MARK: What once hung

    /// A call that a bulkhead let out and that is cancelled makes way for the next behind it.
    @Test mutating func whoIsCancelledAfterTheBulkheadMakesWay() throws {
        let group = scene.group(PoolLimits(maxInFlight: 2))
        let feature = scene.engine.addFeature(FeatureParameters(maxInFlight: 1), at: at(0))
        let running = try scene.arrive(group, feature: feature)
        let blocker = try scene.arrive(group)
        let second = try scene.arrive(group, feature: feature, deadline: 1_000_000_000)
        let third = try scene.arrive(group, feature: feature)
        _ = scene.end(blocker, now: 1)
        #expect(scene.sent.isEmpty, "both stand behind the bulkhead")
        let filler = try scene.arrive(group, now: 2)
        #expect(scene.sent == [filler])
        scene.engine.reconfigure(
            PoolID(index: 0), PoolParameters(limits: PoolLimits(maxInFlight: 1), queueBytes: 100), at: at(3),
            into: &scene.effects)
        _ = scene.end(running, now: 4)
        #expect(scene.sent.isEmpty, "the pool is full, and the second is let out")
        scene.engine.cancel(second, at: at(5), into: &scene.effects)
        _ = scene.end(filler, now: 6)
        #expect(scene.sent == [third])
    }

    /// Lanes that are probed later are woken for it.
    @Test mutating func aHigherLaneThatWaitsForABreakerIsWoken() throws {
        var lanes = Scene.plainLanes
        lanes[0].waitsForBreaker = true
        scene = Scene(PolicyParameters(lanes: lanes, breaker: BreakerParameters(minimumCalls: 1)))
        let group = scene.group()
        let first = try scene.arrive(group)
        _ = scene.end(first, .transient(.serverError), mayRetry: false, now: 0)
        let waits = try scene.arrive(group, lane: .interactive, now: 1)
        for _ in 0..<5 where scene.sent != [waits] {
            scene.tick(try #require(scene.engine.nextWake).microseconds)
        }
        #expect(scene.dispatch(of: waits)?.isProbe == true)
    }
}
