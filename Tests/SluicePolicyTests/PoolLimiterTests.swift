@testable import SluicePolicy
import Testing

@Suite struct PoolLimiterTests {
    @Test func bothBucketsAreTakenTogether() {
        var limiter = PoolLimiter(PoolLimits(requestsPerMinute: 1_200, tokensPerMinute: 120_000), at: at(0))
        let cost = CallCost(tokens: 9_500)
        #expect(limiter.grantTime(cost, at: at(0)) == at(0))
        _ = limiter.take(cost, at: at(0))
        #expect(limiter.grantTime(CallCost(tokens: 0), at: at(0)) == at(0))
        #expect(limiter.grantTime(CallCost(tokens: 1_900), at: at(0)) == at(.seconds(1)))
        limiter.refund(cost, at: at(0))
        #expect(limiter.grantTime(cost, at: at(0)) == at(0))
    }

    @Test func nothingKnownLimitsNothing() {
        let limiter = PoolLimiter(PoolLimits(), at: at(0))
        #expect(limiter.grantTime(CallCost(tokens: .max), ahead: 1_000_000, aheadTokens: .max, at: at(7)) == at(7))
        #expect(limiter.unsatisfiable(CallCost(tokens: .max)) == nil)
    }

    @Test func aLaterFreezeWinsAndAnEarlierOneChangesNothing() {
        var limiter = PoolLimiter(PoolLimits(), at: at(0))
        limiter.freeze(until: at(500), at: at(0))
        limiter.freeze(until: at(100), at: at(0))
        #expect(limiter.grantTime(CallCost(tokens: 1), at: at(0)) == at(500))
        limiter.reconfigure(PoolLimits(requestsPerMinute: 10), at: at(1))
        #expect(limiter.grantTime(CallCost(tokens: 1), at: at(2)) == at(500), "a reload lifts no freeze")
        #expect(limiter.grantTime(CallCost(tokens: 1), at: at(501)) == at(501))
    }

    /// During a freeze nothing flows in: those behind wait for quota after it, not beside it.
    @Test func theQueueDrainsAfterAFreezeNotDuringIt() {
        var limiter = PoolLimiter(PoolLimits(requestsPerMinute: 1_200), at: at(0))
        limiter.freeze(until: at(.seconds(60)), at: at(0))
        let behind = limiter.grantTime(CallCost(tokens: 1), ahead: 1_139, at: at(0))
        #expect(behind == at(.seconds(120)), "1,140 calls from an empty bucket, 19 a second")
    }

    @Test(arguments: [1, 2, 20, 1_000, 10_000_000_000, Int.max])
    func everyLimitGivesARateBelowIt(limit: Int) {
        var limiter = PoolLimiter(PoolLimits(requestsPerMinute: limit, tokensPerMinute: limit), at: at(0))
        #expect(limiter.grantTime(CallCost(tokens: 1), at: at(0)) == at(0))
        _ = limiter.take(CallCost(tokens: 1), at: at(0))
        #expect(limiter.grantTime(CallCost(tokens: 1), at: at(0)) <= at(.seconds(60)))
    }

    /// The foretold turn of a call behind others is when it comes if each of those goes as soon as it may.
    @Test(arguments: Seeds.range(dividedBy: 10))
    func foretellsATurnBehindOthers(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let byTokens = random.percent(50)
        let limits = PoolLimits(
            requestsPerMinute: byTokens ? nil : random.element([3, 60, 6_000]),
            tokensPerMinute: byTokens ? 60_000 : nil)
        var limiter = PoolLimiter(limits, at: at(0))
        let costs = (0..<random.pick(1...40)).map { _ in CallCost(tokens: random.pick(0...2_000)) }
        let last = CallCost(tokens: random.pick(0...2_000))
        let sum = costs.reduce(0) { $0 + $1.tokens }
        let foretold = limiter.grantTime(last, ahead: costs.count, aheadTokens: sum, at: at(0))
        var now = at(0)
        for cost in costs + [last] {
            now = limiter.grantTime(cost, at: now)
            _ = limiter.take(cost, at: now)
        }
        #expect(abs(foretold.microseconds(since: now)) <= 2, "foretold \(foretold), came \(now)")
    }
}
