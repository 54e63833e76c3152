import SluicePolicy
import Testing

/// Single decisions, each in the smallest scene that shows it.
@Suite struct PolicyEngineTests {
    private var engine = PolicyEngine()
    private var effects: [Effect] = []

    private mutating func pool(_ limits: PoolLimits, queueCalls: Int = 10, queueBytes: Int = 100) -> PoolID {
        engine.addPool(PoolParameters(limits: limits, queueCalls: queueCalls, queueBytes: queueBytes), at: at(0))
    }

    private mutating func arrive(
        _ pool: PoolID, tokens: Int = 1, bytes: Int = 0, deadline: Int64 = .max, now: Int64 = 0
    ) throws -> CallID {
        effects = []
        let arrival = Arrival(pool: pool, cost: CallCost(tokens: tokens), bytes: bytes, deadline: at(deadline))
        return try engine.arrive(arrival, at: at(now), into: &effects)
    }

    private mutating func end(
        _ id: CallID, _ outcome: AttemptOutcome, mayRetry: Bool = true, random: UInt64 = 0, now: Int64
    ) -> AttemptVerdict {
        effects = []
        return engine.attemptEnded(
            id, outcome, mayRetry: mayRetry, serviceMicroseconds: 1_000, random: random, at: at(now), into: &effects)
    }

    private mutating func tick(_ now: Int64) {
        effects = []
        engine.tick(at: at(now), into: &effects)
    }

    /// Room that a deadline makes is not for a call whose own deadline passes in the same tick.
    @Test mutating func aCallThatExpiresInThisTickIsNotSentFirst() throws {
        let pool = pool(PoolLimits(maxInFlight: 1))
        let first = try arrive(pool, deadline: 1_000)
        let second = try arrive(pool, deadline: 1_000)
        let third = try arrive(pool, deadline: 5_000)
        tick(1_000)
        #expect(
            effects == [
                .expire(first, attempts: 1, inFlight: true), .expire(second, attempts: 0, inFlight: false),
                .send(third, attempt: 1),
            ])
    }

    /// Room can come before the timer that should have ended the call fires.
    @Test mutating func roomThatComesAfterADeadlineExpiresTheCallInsteadOfSendingIt() throws {
        let pool = pool(PoolLimits(maxInFlight: 1))
        let first = try arrive(pool)
        let second = try arrive(pool, deadline: 1_000)
        let third = try arrive(pool, deadline: 5_000)
        let verdict = end(first, .success(usedTokens: nil), now: 1_000)
        #expect(verdict == .finished)
        #expect(effects == [.expire(second, attempts: 0, inFlight: false), .send(third, attempt: 1)])
    }

    /// Two calls whose waits end together go in the order in which they came, whatever slots they hold.
    @Test mutating func callsThatComeBackTogetherKeepTheirOrder() throws {
        engine = PolicyEngine(retries: RetryPolicy(baseMicroseconds: 0))
        let pool = pool(PoolLimits(maxInFlight: 2))
        let gone = try arrive(pool)
        let older = try arrive(pool)
        _ = end(gone, .refused, now: 1)
        let younger = try arrive(pool, now: 2)
        #expect(younger.rawValue & 0xFFFF_FFFF < older.rawValue & 0xFFFF_FFFF, "the younger holds the lower slot")
        _ = end(younger, .transient(notSent: true), now: 3)
        _ = end(older, .transient(notSent: true), now: 3)
        tick(3)
        #expect(effects == [.send(older, attempt: 2), .send(younger, attempt: 2)])
    }

    /// Quota that comes back in the tick in which an older call's wait ends is the older call's.
    @Test mutating func roomFromADeadlineGoesToTheOldestThatIsReady() throws {
        engine = PolicyEngine(retries: RetryPolicy(baseMicroseconds: 1_000))
        let pool = pool(PoolLimits(maxInFlight: 1))
        let older = try arrive(pool)
        let middle = try arrive(pool, deadline: 1_000)
        let younger = try arrive(pool)
        let verdict = end(older, .transient(notSent: true), random: 500, now: 0)
        #expect(verdict == .retry(attempt: 2, delayMicroseconds: 1_000))
        #expect(effects == [.send(middle, attempt: 1)])
        tick(1_000)
        #expect(effects == [.expire(middle, attempts: 1, inFlight: true), .send(older, attempt: 2)])
        _ = end(older, .success(usedTokens: 0), now: 1_001)
        #expect(effects == [.send(younger, attempt: 1)])
    }

    @Test mutating func refusalsNameTheBoundThatWasHit() throws {
        let pool = pool(PoolLimits(requestsPerMinute: 20, tokensPerMinute: 6_000), queueCalls: 2, queueBytes: 10)
        _ = try arrive(pool)
        #expect(throws: Refusal.exceedsLimit(.tokensPerMinute, limit: 6_000)) { try arrive(pool, tokens: 6_001) }
        #expect(throws: Refusal.deadlineUnmeetable(waitMicroseconds: 3_157_895)) {
            try arrive(pool, deadline: 3_157_895)
        }
        #expect(throws: Refusal.queueBytes(limit: 10, retryAfterMicroseconds: 3_157_895)) {
            try arrive(pool, bytes: 11)
        }
        _ = try arrive(pool, bytes: 5, deadline: 3_157_896)
        _ = try arrive(pool, bytes: 5)
        #expect(throws: Refusal.self) { try arrive(pool) }
        #expect(effects.isEmpty)
        #expect(engine.liveCalls == 3)
    }

    /// The freeze of a 429 is never shorter than asked for, and the call goes back to its own place.
    @Test(arguments: [UInt64(0), 1, 7, .max])
    mutating func aRateLimitFreezesThePool(random: UInt64) throws {
        let pool = pool(PoolLimits(maxInFlight: 2))
        let first = try arrive(pool)
        let second = try arrive(pool)
        let third = try arrive(pool)
        let verdict = end(first, .rateLimited(retryAfterMicroseconds: 8_000_000), random: random, now: 100)
        guard case .retry(2, let delay) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect((10_000_000...12_000_000).contains(delay))
        _ = end(second, .success(usedTokens: nil), now: 200)
        #expect(effects.isEmpty, "frozen")
        tick(100 + delay - 1)
        #expect(effects.isEmpty)
        tick(100 + delay)
        #expect(effects == [.send(first, attempt: 2), .send(third, attempt: 1)])
    }

    @Test(arguments: [Int64.min, -1, 0])
    mutating func aWaitThatIsNotPositiveIsNoWait(after: Int64) throws {
        let pool = pool(PoolLimits(maxInFlight: 1))
        let id = try arrive(pool)
        let verdict = end(id, .rateLimited(retryAfterMicroseconds: after), now: 5)
        #expect(verdict == .retry(attempt: 2, delayMicroseconds: 0))
        tick(5)
        #expect(effects == [.send(id, attempt: 2)])
    }

    /// Who asks for more than the ceiling gets its 429 passed on; the pool rests for the ceiling all the same.
    @Test mutating func aWaitOverTheCeilingEndsTheCall() throws {
        let pool = pool(PoolLimits(maxInFlight: 1))
        let id = try arrive(pool)
        let verdict = end(id, .rateLimited(retryAfterMicroseconds: .max), now: 0)
        #expect(verdict == .finished)
        let frozen = engine.snapshot(pool).frozenUntil
        #expect(frozen == at(PolicyEngine.freezeCeilingMicroseconds * 5 / 4))
    }

    @Test mutating func nothingIsRetriedPastItsAttemptsItsDeadlineOrItsFirstByte() throws {
        engine = PolicyEngine(retries: RetryPolicy(maxAttempts: 2, baseMicroseconds: 1_000, budgetPerSecond: 1))
        let pool = pool(PoolLimits())
        let streamed = try arrive(pool)
        var verdict = end(streamed, .transient(notSent: false), mayRetry: false, now: 0)
        #expect(verdict == .finished)
        let late = try arrive(pool, deadline: 1_000)
        verdict = end(late, .transient(notSent: false), random: 500, now: 0)
        #expect(verdict == .finished)
        let twice = try arrive(pool)
        verdict = end(twice, .transient(notSent: false), random: 500, now: 0)
        #expect(verdict == .retry(attempt: 2, delayMicroseconds: 1_000))
        tick(1_000)
        verdict = end(twice, .transient(notSent: false), now: 1_500)
        #expect(verdict == .finished)
        #expect(engine.liveCalls == 0 && engine.nextWake == nil)
    }

    /// A provider's numbers are not ours to trust: the extremes end neither the process nor the pool.
    @Test mutating func absurdReportsAreTaken() throws {
        let pool = pool(PoolLimits())
        for limit in [Int.max, Int.min, 0, 1, -7] {
            for remaining in [Int.max, Int.min, -1, 0] {
                let report = QuotaReport(
                    requestLimit: limit, requestsRemaining: remaining, tokenLimit: limit, tokensRemaining: remaining)
                engine.observe(report, pool: pool, at: at(0), into: &effects)
            }
        }
        engine.observe(
            QuotaReport(requestLimit: 1_000, tokenLimit: 1_000), pool: pool, at: at(0), into: &effects)
        for (hour, used) in [(Int64(1), Int.max), (2, .min), (3, .max)] {
            let id = try arrive(pool, now: .seconds(3_600 * hour))
            #expect(effects == [.send(id, attempt: 1)])
            let verdict = end(id, .success(usedTokens: used), now: .seconds(3_600 * hour))
            #expect(verdict == .finished)
        }
        #expect(engine.snapshot(pool).limits == PoolLimits(requestsPerMinute: 1_000, tokensPerMinute: 1_000))
    }

    @Test mutating func configuredLimitsWinAndLearnedOnesStepIn() {
        let pool = pool(PoolLimits(requestsPerMinute: 60))
        engine.observe(QuotaReport(requestLimit: 5, tokenLimit: 700), pool: pool, at: at(0), into: &effects)
        #expect(engine.snapshot(pool).limits == PoolLimits(requestsPerMinute: 60, tokensPerMinute: 700))
        engine.reconfigure(pool, PoolParameters(), at: at(0), into: &effects)
        #expect(engine.snapshot(pool).limits == PoolLimits(requestsPerMinute: 5, tokensPerMinute: 700))
    }

    /// Four places of 40 seconds each: one is free every ten.
    @Test mutating func aFullPoolForetellsTheNextPlaceNotTheNextWave() throws {
        let pool = pool(PoolLimits(maxInFlight: 4))
        let first = try arrive(pool)
        _ = engine.attemptEnded(
            first, .success(usedTokens: nil), mayRetry: true, serviceMicroseconds: .seconds(40), random: 0,
            at: at(.seconds(40)), into: &effects)
        for start in Int64(4)..<8 { _ = try arrive(pool, now: .seconds(start * 10)) }
        let next = try arrive(pool, deadline: .seconds(85), now: .seconds(70))
        #expect(effects == [.queued(next, position: 1, etaMicroseconds: .seconds(10))])
        #expect(throws: Refusal.deadlineUnmeetable(waitMicroseconds: .seconds(20))) {
            try arrive(pool, deadline: .seconds(85), now: .seconds(70))
        }
    }

    @Test mutating func raisedLimitsLetThoseWhoWaitGo() throws {
        let pool = pool(PoolLimits(maxInFlight: 1))
        _ = try arrive(pool)
        let second = try arrive(pool)
        effects = []
        engine.reconfigure(pool, PoolParameters(limits: PoolLimits(maxInFlight: 2)), at: at(9), into: &effects)
        #expect(effects == [.send(second, attempt: 1)])
    }

    @Test mutating func whatEndedIsToldNothingAndChangesNothing() throws {
        let pool = pool(PoolLimits())
        let id = try arrive(pool)
        let first = engine.cancel(id, at: at(1), into: &effects)
        let second = engine.cancel(id, at: at(1), into: &effects)
        #expect(first && !second)
        let verdict = end(id, .transient(notSent: true), now: 2)
        #expect(verdict == .finished && effects.isEmpty)
        #expect(engine.snapshot(pool).inFlight == 0)
    }
}
