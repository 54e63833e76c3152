import SluicePolicy
import Testing

@Suite struct RetryTests {
    @Test(arguments: Seeds.range(dividedBy: 10))
    func delaysStayBetweenHalfAndWhole(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let base = Int64(random.element([0, 1, 200_000, 1 << 50]))
        let cap = Int64(random.element([0, 3, 5_000_000, Int.max]))
        let policy = RetryPolicy(baseMicroseconds: base, capMicroseconds: cap)
        for attempt in [2, 3, 4, 5, 10, 32, 33, 1_000, Int.max] {
            let whole = min(Int128(base) << Int128(min(attempt - 2, 30)), Int128(cap))
            for bits in [0, .max, random.next(), random.next()] {
                let delay = Int128(policy.delay(beforeAttempt: attempt, random: bits))
                #expect(delay >= whole / 2 && delay <= whole, "attempt \(attempt), bits \(bits)")
            }
        }
    }

    @Test func jitterReachesBothEnds() {
        for whole in [Int64(0), 1, 2, 3, 1_000, .max] {
            #expect(Jitter.equal(whole, random: 0) == whole / 2)
            #expect(Jitter.equal(whole, random: UInt64(whole - whole / 2)) == whole)
        }
    }

    /// Over any run of events, what was withdrawn is at most the start, the trickle and the share of successes.
    @Test(arguments: Seeds.range(dividedBy: 10))
    func theBudgetIsNeverExceeded(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let policy = RetryPolicy(
            budgetPercent: random.element([0, 20, 100]), budgetPerSecond: random.element([0, 1, 7]))
        var budget = RetryBudget(policy, at: at(0))
        var now: Int64 = 0
        var successes = 0
        var retries = 0
        for step in 0..<4_000 {
            now += Int64(random.element([0, 300, 15_000, 2_000_000]))
            if random.percent(50) {
                budget.deposit(at: at(now))
                successes += 1
            } else if budget.withdraw(at: at(now)) {
                retries += 1
            }
            let trickle = Double(policy.budgetPerSecond) * (10 + Double(now) / 1e6)
            let bound = trickle + Double(successes * policy.budgetPercent) / 100
            #expect(Double(retries) <= bound, "step \(step)")
        }
    }

    /// A second is a second, however many events it is cut into.
    @Test(arguments: [Int64(3_000), 10_000, 14_999, 19_999, 1_000_000])
    func theTrickleLosesNothingToRounding(step: Int64) {
        let policy = RetryPolicy(budgetPercent: 0, budgetPerSecond: 1)
        var budget = RetryBudget(policy, at: at(0))
        while budget.withdraw(at: at(0)) {}
        var retries = 0
        var now: Int64 = 0
        while now < .seconds(600) {
            now += step
            if budget.withdraw(at: at(now)) { retries += 1 }
        }
        #expect(retries == Int(now / 1_000_000))
    }

    @Test func savingsEndAtTheCeiling() {
        var budget = RetryBudget(RetryPolicy(budgetPerSecond: 1), at: at(0))
        let paid = budget.withdraw(at: at(-5))
        #expect(paid, "an old reading of the clock earns nothing and costs nothing")
        var retries = 0
        while budget.withdraw(at: .never) { retries += 1 }
        #expect(retries == RetryBudget.ceiling)
    }
}
