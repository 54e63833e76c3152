import SluicePolicy
import Testing

/// Single decisions, each in the smallest scene that shows it.
@Suite struct PolicyEngineTests {
    private var scene = Scene()

    /// Room that a deadline makes is not for a call whose own deadline passes in the same tick.
    @Test mutating func aCallThatExpiresInThisTickIsNotSentFirst() throws {
        let group = scene.group(PoolLimits(maxInFlight: 1))
        let first = try scene.arrive(group, deadline: 1_000)
        let second = try scene.arrive(group, deadline: 1_000)
        let third = try scene.arrive(group, deadline: 5_000)
        scene.tick(1_000)
        #expect(
            scene.effects == [
                .expire(first, attempts: 1, inFlight: true), .expire(second, attempts: 0, inFlight: false),
                .send(third, Dispatch(attempt: 1, pool: PoolID(index: 0), route: 0, isProbe: false)),
            ])
    }

    /// Room can come before the timer that should have ended the call fires.
    @Test mutating func roomThatComesAfterADeadlineExpiresTheCallInsteadOfSendingIt() throws {
        let group = scene.group(PoolLimits(maxInFlight: 1))
        let first = try scene.arrive(group)
        let second = try scene.arrive(group, deadline: 1_000)
        let third = try scene.arrive(group, deadline: 5_000)
        let verdict = scene.end(first, .success(usedTokens: nil), now: 1_000)
        #expect(verdict == .finished)
        #expect(
            scene.effects == [
                .expire(second, attempts: 0, inFlight: false),
                .send(third, Dispatch(attempt: 1, pool: PoolID(index: 0), route: 0, isProbe: false)),
            ])
    }

    /// Two calls whose waits end together go in the order in which they came, whatever slots they hold.
    @Test mutating func callsThatComeBackTogetherKeepTheirOrder() throws {
        scene = Scene(PolicyParameters(retries: RetryPolicy(baseMicroseconds: 0), lanes: Scene.plainLanes))
        let group = scene.group(PoolLimits(maxInFlight: 20))
        let gone = try scene.arrive(group)
        let older = try scene.arrive(group)
        _ = scene.end(gone, .refused, now: 1)
        let younger = try scene.arrive(group, now: 2)
        #expect(younger.rawValue & 0xFFFF_FFFF < older.rawValue & 0xFFFF_FFFF, "the younger holds the lower slot")
        _ = scene.end(younger, .transient(.notSent), now: 3)
        _ = scene.end(older, .transient(.notSent), now: 3)
        scene.tick(3)
        #expect(
            scene.effects == [
                .send(older, Dispatch(attempt: 2, pool: PoolID(index: 0), route: 0, isProbe: false)),
                .send(younger, Dispatch(attempt: 2, pool: PoolID(index: 0), route: 0, isProbe: false)),
            ])
    }

    /// Quota that comes back in the tick in which an older call's wait ends is the older call's.
    @Test mutating func roomFromADeadlineGoesToTheOldestThatIsReady() throws {
        scene = Scene(PolicyParameters(retries: RetryPolicy(baseMicroseconds: 1_000), lanes: Scene.plainLanes))
        let group = scene.group(PoolLimits(maxInFlight: 1))
        let older = try scene.arrive(group)
        let middle = try scene.arrive(group, deadline: 1_000)
        let younger = try scene.arrive(group)
        let verdict = scene.end(older, .transient(.notSent), random: 500, now: 0)
        #expect(verdict == .retry(attempt: 2, delayMicroseconds: 1_000))
        #expect(
            scene.effects == [.send(middle, Dispatch(attempt: 1, pool: PoolID(index: 0), route: 0, isProbe: false))])
        scene.tick(1_000)
        #expect(
            scene.effects == [
                .expire(middle, attempts: 1, inFlight: true),
                .send(older, Dispatch(attempt: 2, pool: PoolID(index: 0), route: 0, isProbe: false)),
            ])
        _ = scene.end(older, .success(usedTokens: 0), now: 1_001)
        #expect(
            scene.effects == [.send(younger, Dispatch(attempt: 1, pool: PoolID(index: 0), route: 0, isProbe: false))])
    }

    @Test mutating func refusalsNameTheBoundThatWasHit() throws {
        let group = scene.group(
            PoolLimits(requestsPerMinute: 20, tokensPerMinute: 6_000), queueCalls: 2, queueBytes: 10)
        _ = try scene.arrive(group)
        #expect(throws: Refusal.exceedsLimit(.tokensPerMinute, limit: 6_000)) { try scene.arrive(group, tokens: 6_001) }
        #expect(throws: Refusal.deadlineUnmeetable(waitMicroseconds: 3_157_895, retryAfterMicroseconds: 0)) {
            try scene.arrive(group, deadline: 3_157_895)
        }
        #expect(throws: Refusal.queueBytes(limit: 10, retryAfterMicroseconds: 3_157_895)) {
            try scene.arrive(group, bytes: 11)
        }
        _ = try scene.arrive(group, bytes: 5, deadline: 3_157_896)
        _ = try scene.arrive(group, bytes: 5)
        #expect(throws: Refusal.self) { try scene.arrive(group) }
        #expect(scene.effects.isEmpty)
        #expect(scene.engine.liveCalls == 3)
    }

    /// The freeze of a 429 is never shorter than asked for, and the call goes back to its own place.
    @Test(arguments: [UInt64(0), 1, 7, .max])
    mutating func aRateLimitFreezesThePool(random: UInt64) throws {
        let group = scene.group(PoolLimits(maxInFlight: 2))
        let first = try scene.arrive(group)
        let second = try scene.arrive(group)
        let third = try scene.arrive(group)
        let verdict = scene.end(first, .rateLimited(retryAfterMicroseconds: 8_000_000), random: random, now: 100)
        guard case .retry(2, let delay) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect((10_000_000...12_000_000).contains(delay))
        _ = scene.end(second, .success(usedTokens: nil), now: 200)
        #expect(scene.effects.isEmpty, "frozen")
        scene.tick(100 + delay - 1)
        #expect(scene.effects.isEmpty)
        scene.tick(100 + delay)
        #expect(
            scene.effects == [
                .send(first, Dispatch(attempt: 2, pool: PoolID(index: 0), route: 0, isProbe: false)),
                .send(third, Dispatch(attempt: 1, pool: PoolID(index: 0), route: 0, isProbe: false)),
            ])
    }

    @Test(arguments: [Int64.min, -1, 0])
    mutating func aWaitThatIsNotPositiveIsNoWait(after: Int64) throws {
        let group = scene.group(PoolLimits(maxInFlight: 1))
        let id = try scene.arrive(group)
        let verdict = scene.end(id, .rateLimited(retryAfterMicroseconds: after), now: 5)
        #expect(verdict == .retry(attempt: 2, delayMicroseconds: 0))
        scene.tick(5)
        #expect(scene.effects == [.send(id, Dispatch(attempt: 2, pool: PoolID(index: 0), route: 0, isProbe: false))])
    }

    /// Who asks for more than the ceiling gets its 429 passed on; the pool rests for the ceiling all the same.
    @Test mutating func aWaitOverTheCeilingEndsTheCall() throws {
        let group = scene.group(PoolLimits(maxInFlight: 1))
        let id = try scene.arrive(group)
        let verdict = scene.end(id, .rateLimited(retryAfterMicroseconds: .max), now: 0)
        #expect(verdict == .finished)
        let frozen = scene.engine.snapshot(PoolID(index: 0), at: at(0)).frozenUntil
        #expect(frozen == at(.seconds(150)))
    }

    @Test mutating func nothingIsRetriedPastItsAttemptsItsDeadlineOrItsFirstByte() throws {
        scene = Scene(
            PolicyParameters(
                retries: RetryPolicy(maxAttempts: 2, baseMicroseconds: 1_000, budgetPerSecond: 1),
                lanes: Scene.plainLanes))
        let group = scene.group(PoolLimits())
        let streamed = try scene.arrive(group)
        var verdict = scene.end(streamed, .transient(.serverError), mayRetry: false, now: 0)
        #expect(verdict == .finished)
        let late = try scene.arrive(group, deadline: 1_000)
        verdict = scene.end(late, .transient(.serverError), random: 500, now: 0)
        #expect(verdict == .finished)
        let twice = try scene.arrive(group)
        verdict = scene.end(twice, .transient(.serverError), random: 500, now: 0)
        #expect(verdict == .retry(attempt: 2, delayMicroseconds: 1_000))
        scene.tick(1_000)
        verdict = scene.end(twice, .transient(.serverError), now: 1_500)
        #expect(verdict == .finished)
        #expect(scene.engine.liveCalls == 0 && scene.engine.nextWake == nil)
    }

    /// A provider's numbers are not ours to trust: the extremes end neither the process nor the pool.
    @Test mutating func absurdReportsAreTaken() throws {
        let group = scene.group(PoolLimits())
        for limit in [Int.max, Int.min, 0, 1, -7] {
            for remaining in [Int.max, Int.min, -1, 0] {
                let report = QuotaReport(
                    requestLimit: limit, requestsRemaining: remaining, tokenLimit: limit, tokensRemaining: remaining)
                scene.engine.observe(report, from: nil, pool: PoolID(index: 0), at: at(0), into: &scene.effects)
            }
        }
        scene.engine.observe(
            QuotaReport(requestLimit: 1_000, tokenLimit: 1_000), from: nil, pool: PoolID(index: 0), at: at(0),
            into: &scene.effects)
        for (hour, used) in [(Int64(1), Int.max), (2, .min), (3, .max)] {
            let id = try scene.arrive(group, now: .seconds(3_600 * hour))
            #expect(
                scene.effects == [.send(id, Dispatch(attempt: 1, pool: PoolID(index: 0), route: 0, isProbe: false))])
            let verdict = scene.end(id, .success(usedTokens: used), now: .seconds(3_600 * hour))
            #expect(verdict == .finished)
        }
        #expect(
            scene.engine.snapshot(PoolID(index: 0), at: at(0)).limits
                == PoolLimits(requestsPerMinute: 1_000, tokensPerMinute: 1_000))
    }

    @Test mutating func theLowerOfConfiguredAndLearnedLimitsHolds() {
        _ = scene.group(PoolLimits(requestsPerMinute: 60))
        scene.engine.observe(
            QuotaReport(requestLimit: 5, tokenLimit: 700), from: nil, pool: PoolID(index: 0), at: at(0),
            into: &scene.effects)
        #expect(
            scene.engine.snapshot(PoolID(index: 0), at: at(0)).limits
                == PoolLimits(requestsPerMinute: 5, tokensPerMinute: 700))
        scene.engine.reconfigure(PoolID(index: 0), PoolParameters(), at: at(0), into: &scene.effects)
        #expect(
            scene.engine.snapshot(PoolID(index: 0), at: at(0)).limits
                == PoolLimits(requestsPerMinute: 5, tokensPerMinute: 700))
    }

    /// Four places of 40 seconds each: one is free every ten.
    @Test mutating func aFullPoolForetellsTheNextPlaceNotTheNextWave() throws {
        let group = scene.group(PoolLimits(maxInFlight: 4))
        let first = try scene.arrive(group)
        _ = scene.engine.attemptEnded(
            first, .success(usedTokens: nil), mayRetry: true, serviceMicroseconds: .seconds(40), random: 0,
            at: at(.seconds(40)), into: &scene.effects)
        for start in Int64(4)..<8 { _ = try scene.arrive(group, now: .seconds(start * 10)) }
        let next = try scene.arrive(group, deadline: .seconds(85), now: .seconds(70))
        #expect(scene.effects == [.queued(next, position: 1, etaMicroseconds: .seconds(10))])
        #expect(throws: Refusal.deadlineUnmeetable(waitMicroseconds: .seconds(20), retryAfterMicroseconds: .seconds(5)))
        {
            try scene.arrive(group, deadline: .seconds(85), now: .seconds(70))
        }
    }

    @Test mutating func raisedLimitsLetThoseWhoWaitGo() throws {
        let group = scene.group(PoolLimits(maxInFlight: 1))
        _ = try scene.arrive(group)
        let second = try scene.arrive(group)
        scene.effects = []
        scene.engine.reconfigure(
            PoolID(index: 0), PoolParameters(limits: PoolLimits(maxInFlight: 2)), at: at(9), into: &scene.effects)
        #expect(
            scene.effects == [.send(second, Dispatch(attempt: 1, pool: PoolID(index: 0), route: 0, isProbe: false))])
    }

    @Test mutating func whatEndedIsToldNothingAndChangesNothing() throws {
        let group = scene.group(PoolLimits())
        let id = try scene.arrive(group)
        let first = scene.engine.cancel(id, at: at(1), into: &scene.effects)
        let second = scene.engine.cancel(id, at: at(1), into: &scene.effects)
        #expect(first && !second)
        let verdict = scene.end(id, .transient(.notSent), now: 2)
        #expect(verdict == .finished && scene.effects.isEmpty)
        #expect(scene.engine.snapshot(PoolID(index: 0), at: at(0)).inFlight == 0)
    }
}
