@testable import SluicePolicy
import Testing

@Suite struct CircuitBreakerTests {
    private let settings = BreakerParameters(minimumCalls: 4, openMicroseconds: 8_000_000)

    private func opened(_ random: UInt64 = 0, at now: Int64 = 0) -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for _ in 0..<4 {
            _ = breaker.ended(.bad, startedAt: at(now), wasProbe: false, settings, random: random, at: at(now))
        }
        return breaker
    }

    private func end(_ breaker: inout CircuitBreaker, _ sample: CircuitBreaker.Sample, started: Int64, now: Int64)
        -> Bool
    {
        breaker.ended(sample, startedAt: at(started), wasProbe: true, settings, random: 0, at: at(now))
    }

    @Test func opensAtItsShareAndNotBelow() {
        for bad in 0...4 {
            var breaker = CircuitBreaker()
            var changed = false
            for index in 0..<4 {
                let sample: CircuitBreaker.Sample = index < 4 - bad ? .good : .bad
                changed = breaker.ended(sample, startedAt: at(0), wasProbe: false, settings, random: 0, at: at(0))
            }
            #expect(changed == (bad >= 2))
            #expect(breaker.standing(at: at(0)) == (bad >= 2 ? .open : .closed))
        }
        var breaker = CircuitBreaker()
        for _ in 0..<100 {
            let changed = breaker.ended(.neutral, startedAt: at(0), wasProbe: false, settings, random: 0, at: at(0))
            #expect(!changed, "429s are no failures")
        }
        #expect(breaker.admission(.interactive, settings, at: at(0)) == .permit)
    }

    /// Attempts count by when they started, and only for a window.
    @Test func forgetsWhatIsOlderThanItsWindow() {
        var breaker = CircuitBreaker()
        for start in [Int64(0), 0, 0] {
            _ = breaker.ended(.bad, startedAt: at(start), wasProbe: false, settings, random: 0, at: at(.seconds(1)))
        }
        let late = breaker.ended(
            .bad, startedAt: at(.seconds(61)), wasProbe: false, settings, random: 0, at: at(.seconds(61)))
        #expect(!late, "the three have left the window")
        _ = breaker.ended(.bad, startedAt: at(0), wasProbe: false, settings, random: 0, at: at(.seconds(61)))
        #expect(breaker.standing(at: at(.seconds(61))) == .closed, "an old start is not counted")
    }

    /// Open for half to all of its time, which doubles with each failed probe up to the cap.
    @Test func staysOpenForItsTimeWithJitter() {
        for random in [UInt64(0), 4_000_000, .max] {
            var breaker = opened(random)
            let until = breaker.reopensAt?.microseconds ?? 0
            #expect((4_000_000...8_000_000).contains(until))
            #expect(breaker.admission(.batch, settings, at: at(until - 1)) == .blocked(until: at(until)))
            #expect(breaker.admission(.batch, settings, at: at(until)) == .probe)
            var length = 8_000_000
            var now = until
            for _ in 0..<6 {
                breaker.probeBegan(at: at(now))
                let changed = breaker.ended(
                    .bad, startedAt: at(now), wasProbe: true, settings, random: random, at: at(now))
                length = min(length * 2, 60_000_000)
                let next = breaker.reopensAt?.microseconds ?? 0
                #expect(changed && (now + Int64(length) / 2...now + Int64(length)).contains(next))
                now = next
            }
        }
    }

    /// closed → open → half-open → closed by one probe and then three; whoever is not a probe waits.
    @Test func closesAfterItsRounds() {
        var breaker = opened()
        let now = breaker.reopensAt?.microseconds ?? 0
        #expect(breaker.standing(at: at(now)) == .halfOpen)
        breaker.probeBegan(at: at(now))
        #expect(breaker.admission(.batch, settings, at: at(now)) != .probe, "one probe in the first round")
        var changed = end(&breaker, .good, started: now, now: now)
        #expect(!changed)
        for _ in 0..<3 {
            #expect(breaker.admission(.batch, settings, at: at(now)) == .probe)
            breaker.probeBegan(at: at(now))
        }
        #expect(breaker.admission(.batch, settings, at: at(now)) != .probe, "three in the second")
        for isLast in [false, false, true] {
            changed = end(&breaker, .good, started: now, now: now)
            #expect(changed == isLast)
        }
        #expect(
            breaker
                == {
                    var fresh = breaker; fresh.force(.none); return fresh
                }(), "closed, and it remembers nothing")
        #expect(breaker.admission(.interactive, settings, at: at(now)) == .permit)
    }

    @Test func aProbeThatSaysNothingMakesRoomForAnother() {
        var breaker = opened()
        let now = breaker.reopensAt?.microseconds ?? 0
        breaker.probeBegan(at: at(now))
        let changed = end(&breaker, .neutral, started: now, now: now)
        #expect(!changed && breaker.admission(.batch, settings, at: at(now)) == .probe)
    }

    /// A probe that outlives its half-open time is no probe of the next.
    @Test(arguments: [CircuitBreaker.Sample.good, .bad, .neutral])
    func aLateProbeChangesNothing(sample: CircuitBreaker.Sample) {
        var breaker = opened()
        let first = breaker.reopensAt?.microseconds ?? 0
        breaker.probeBegan(at: at(first))
        _ = end(&breaker, .good, started: first, now: first)
        for _ in 0..<2 { breaker.probeBegan(at: at(first)) }
        _ = end(&breaker, .bad, started: first, now: first)
        let second = breaker.reopensAt?.microseconds ?? 0
        breaker.probeBegan(at: at(second))
        let changed = end(&breaker, sample, started: first, now: second)
        #expect(!changed && breaker.standing(at: at(second)) == .halfOpen)
        #expect(breaker.admission(.batch, settings, at: at(second)) != .probe, "its own probe is still under way")
    }

    /// Settings that want fewer probes than have succeeded leave a way to close.
    @Test func fewerProbesThanHaveSucceededDoNotLockIt() {
        var breaker = opened()
        let now = breaker.reopensAt?.microseconds ?? 0
        breaker.probeBegan(at: at(now))
        _ = end(&breaker, .good, started: now, now: now)
        for _ in 0..<2 {
            breaker.probeBegan(at: at(now))
            _ = end(&breaker, .good, started: now, now: now)
        }
        var fewer = settings
        fewer.probes = [2, 2]
        #expect(breaker.admission(.batch, fewer, at: at(now)) == .probe)
        breaker.probeBegan(at: at(now))
        let changed = breaker.ended(.good, startedAt: at(now), wasProbe: true, fewer, random: 0, at: at(now))
        #expect(changed && breaker.standing(at: at(now)) == .closed)
    }

    /// The lower the lane the sooner it is a probe.
    @Test func theLowestLaneIsProbedFirst() {
        let breaker = opened()
        let now = breaker.reopensAt?.microseconds ?? 0
        for (lane, delay) in [
            (PolicyLane.interactive, Int64(500_000)), (.normal, 250_000), (.batch, 0), (.backfill, 0),
        ] {
            #expect(breaker.admission(lane, settings, at: at(now + delay)) == .probe)
            if delay > 0 {
                #expect(breaker.admission(lane, settings, at: at(now + delay - 1)) == .blocked(until: at(now + delay)))
            }
            #expect(breaker.probes(from: lane) == at(now + delay))
        }
    }

    @Test func handsOverrideWhatItThinks() {
        var breaker = opened()
        breaker.force(.closed)
        #expect(
            breaker.admission(.normal, settings, at: at(0)) == .permit && breaker.standing(at: at(0)) == .forcedClosed)
        for _ in 0..<50 { _ = breaker.ended(.bad, startedAt: at(0), wasProbe: false, settings, random: 0, at: at(0)) }
        #expect(breaker.admission(.normal, settings, at: at(0)) == .permit, "whatever fails")
        breaker.force(.open)
        #expect(breaker.admission(.batch, settings, at: at(.seconds(9_999))) == .blocked(until: .never))
        breaker.force(.none)
        #expect(breaker.standing(at: at(0)) == .closed)
    }

    @Test func afterTenFailuresInARowNothingIsRetried() {
        var breaker = CircuitBreaker()
        for count in 1...10 {
            _ = breaker.ended(
                .bad, startedAt: at(0), wasProbe: false, BreakerParameters(isEnabled: false), random: 0, at: at(0))
            #expect(breaker.mayRetry == (count < 10))
        }
        _ = breaker.ended(.neutral, startedAt: at(0), wasProbe: false, settings, random: 0, at: at(0))
        #expect(!breaker.mayRetry)
        _ = breaker.ended(.good, startedAt: at(0), wasProbe: false, settings, random: 0, at: at(0))
        #expect(breaker.mayRetry)
    }
}
