import SluicePolicy
import Testing

@Suite struct TokenBucketTests {
    /// The leaky-bucket bound over every window between two takes, with a taker that takes as soon as it may.
    @Test(arguments: Seeds.range(dividedBy: 4))
    func neverGrantsMoreThanBurstPlusRateOverAnyWindow(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let rate = random.element([1, 7, 60, 950, 28_500, 1_000_000_007])
        let capacity = max(1, random.element([1, rate / 12, rate]))
        let largest = random.element([1, capacity, capacity * 3])
        var bucket = TokenBucket(ratePerMinute: rate, capacity: capacity, at: at(0))
        var now: Int64 = 0
        var takes: [(time: Int64, amount: Int)] = []
        for _ in 0..<200 {
            let amount = random.pick(1...largest)
            now = bucket.grantTime(amount, at: at(now)).microseconds
            bucket.take(amount, at: at(now))
            takes.append((now, amount))
            if random.percent(10) { now += Int64(random.pick(0...120_000_000)) }
        }
        let oversize = Int128(max(0, largest - capacity))
        var broken = 0
        for first in takes.indices {
            var sum: Int128 = 0
            for last in first..<takes.count {
                sum += Int128(takes[last].amount)
                let window = Int128(takes[last].time - takes[first].time)
                let bound = (Int128(capacity) + oversize) * 60_000_000 + window * Int128(rate)
                if sum * 60_000_000 > bound { broken += 1 }
            }
        }
        #expect(broken == 0)
    }

    /// Every operation against exact arithmetic; the grant is allowed at its microsecond and not one before.
    @Test(arguments: Seeds.range(dividedBy: 4))
    func agreesWithExactArithmetic(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let sizes = [1, 2, 59, 61, 1_000, 99_991, TokenBucket.ceiling / 7, TokenBucket.ceiling]
        let rate = random.element(sizes)
        let capacity = random.element(sizes)
        var now = Int64(random.pick(0...1_000_000_000))
        var bucket = TokenBucket(ratePerMinute: rate, capacity: capacity, at: at(now))
        var reference = ReferenceBucket(rate: rate, capacity: capacity, at: now)
        for step in 0..<2_000 {
            now += Int64(random.element([0, 1, random.pick(0...1_000), random.pick(0...10_000_000_000)]))
            let amount = random.pick(0...min(reference.capacity * 2, TokenBucket.ceiling))
            switch random.pick(0...9) {
            case 0...4:
                let grant = bucket.grantTime(amount, at: at(now)).microseconds
                if grant > now {
                    let early = bucket.grantTime(amount, at: at(grant - 1)).microseconds
                    #expect(early == grant, "step \(step): moved from \(grant) to \(early)")
                    #expect(!reference.covers(amount, at: grant - 1), "step \(step): granted one late")
                }
                #expect(reference.covers(amount, at: grant), "step \(step): granted too early")
                // Further ahead than the debts it would leave could ever be paid back within the clock.
                guard grant < 1 << 50 else { continue }
                now = grant
                bucket.take(amount, at: at(now))
                reference.add(-amount, at: now)
            case 5, 6:
                let small = random.pick(-min(amount, 1_000)...amount)
                bucket.correct(by: small, at: at(now))
                reference.correct(by: small, at: now)
            case 7:
                bucket.pullDown(to: amount, at: at(now))
                reference.pullDown(to: amount, at: now)
            case 8:
                let (rate, capacity) = (random.element(sizes), random.element(sizes))
                bucket.resize(ratePerMinute: rate, capacity: capacity, at: at(now))
                reference.resize(rate: rate, capacity: capacity, at: now)
            default:
                #expect(bucket.available(at: at(now)) == reference.available(at: now), "step \(step)")
            }
        }
        #expect(bucket.available(at: at(now)) == reference.available(at: now))
    }

    /// A million odd steps leave exactly what a million exact steps leave: nothing is rounded away.
    @Test func doesNotDriftOverAMillionOperations() {
        var random = SeededRandom(seed: 20)
        var bucket = TokenBucket(ratePerMinute: 999_983, capacity: 1_000_000, at: at(0))
        var reference = ReferenceBucket(rate: 999_983, capacity: 1_000_000, at: 0)
        bucket.take(1_000_000, at: at(0))
        reference.add(-1_000_000, at: 0)
        var now: Int64 = 0
        var differences = 0
        for _ in 0..<1_000_000 {
            now += Int64(random.next() % 121)
            bucket.correct(by: -1, at: at(now))
            reference.correct(by: -1, at: now)
        }
        for extra in Int64(0)..<61 where bucket.available(at: at(now + extra)) != reference.available(at: now + extra) {
            differences += 1
        }
        #expect(differences == 0)
    }

    @Test func anOversizeTakeIsPaidBackAsDebt() {
        var bucket = TokenBucket(ratePerMinute: 60, capacity: 5, at: at(0))
        #expect(bucket.grantTime(65, at: at(0)) == at(0))
        bucket.take(65, at: at(0))
        #expect(bucket.available(at: at(0)) == -60)
        #expect(bucket.grantTime(1, at: at(0)) == at(.seconds(61)))
        #expect(bucket.grantTime(0, at: at(0)) == at(.seconds(60)), "who takes nothing waits for debts all the same")
        bucket.resize(ratePerMinute: 120, capacity: 10, at: at(0))
        #expect(bucket.available(at: at(0)) == -60, "a resize forgives nothing")
        #expect(bucket.grantTime(1, at: at(0)) == at(30_500_000))
        #expect(bucket.available(at: at(.seconds(3600))) == 10)
    }

    @Test func correctionsGiveBackAndTakeMoreButNeverOverflowTheBucket() {
        var bucket = TokenBucket(ratePerMinute: 60, capacity: 5, at: at(0))
        bucket.correct(by: 100, at: at(0))
        #expect(bucket.available(at: at(0)) == 5)
        bucket.correct(by: -7, at: at(0))
        #expect(bucket.available(at: at(0)) == -2)
        #expect(bucket.available(at: at(1)) == -2, "rounded down, in debt too")
        bucket.pullDown(to: 3, at: at(0))
        #expect(bucket.available(at: at(0)) == -2, "a report never raises the level")
    }

    /// Usage comes from the provider: one that reports absurd numbers over and over must end neither the process nor
    /// the pool.
    @Test func correctionsLeadIntoOneMinutesDebtAtMost() {
        var bucket = TokenBucket(ratePerMinute: 600, capacity: TokenBucket.ceiling, at: at(0))
        for _ in 0..<100 { bucket.correct(by: -TokenBucket.ceiling, at: at(0)) }
        #expect(bucket.available(at: at(0)) == -600)
        #expect(bucket.grantTime(600, at: at(0)) == at(.seconds(120)))
        for _ in 0..<100 { bucket.correct(by: TokenBucket.ceiling, at: at(0)) }
        #expect(bucket.available(at: at(0)) == TokenBucket.ceiling)
        bucket = TokenBucket(ratePerMinute: 600, capacity: 1, at: at(0))
        bucket.take(5_000, at: at(0))
        bucket.correct(by: -1, at: at(0))
        #expect(bucket.available(at: at(0)) == -4_999, "a deeper debt that was taken is neither forgiven nor deepened")
        bucket.correct(by: 4_999, at: at(0))
        #expect(bucket.available(at: at(0)) == 0)
    }

    @Test func extremesOfTimeAndSizeDoNotOverflow() {
        for start in [Int64.min, 0, Int64.max] {
            var bucket = TokenBucket(ratePerMinute: TokenBucket.ceiling, capacity: TokenBucket.ceiling, at: at(start))
            bucket.take(TokenBucket.ceiling, at: at(start))
            #expect(bucket.available(at: .never) == (start == Int64.max ? 0 : TokenBucket.ceiling))
            #expect(bucket.grantTime(1, at: at(start)) >= at(start))
        }
    }

    /// The clock is monotonic, but a caller may hold a reading a little older than the last one used.
    @Test func toleratesTimeGoingBackwards() {
        var bucket = TokenBucket(ratePerMinute: 60, capacity: 1, at: at(.seconds(10)))
        bucket.take(1, at: at(.seconds(10)))
        #expect(bucket.available(at: at(.seconds(5))) == 0)
        let grant = bucket.grantTime(1, at: at(.seconds(5)))
        #expect(grant == at(.seconds(11)), "what refills after 10 s is not there earlier because the question is older")
        bucket.take(1, at: grant)
        bucket.correct(by: -1, at: at(.seconds(1)))
        #expect(bucket.grantTime(1, at: at(.seconds(11))) == at(.seconds(13)))
    }
}
