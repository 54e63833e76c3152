@testable import SluicePolicy
import Testing

@Suite struct QuotaTests {
    /// Against a plain list of takes over many virtual days: what fits, fits exactly when the list says so, and in no
    /// 24 hours is more taken than 0.95 of the limit.
    @Test(arguments: Seeds.range(dividedBy: 20))
    func dayWindowAgreesWithAList(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let limit = random.element([1, 20, 1_000, 100_000])
        let usable = max(1, (limit * 19 + 10) / 20)
        var window = DayWindow(limit: limit, at: at(0))
        var takes: [(time: Int64, amount: Int)] = []
        var now: Int64 = 0
        for step in 0..<300 {
            now += Int64(random.pick(0...random.element([1_000, 3_600_000_000, 40_000_000_000])))
            let quarter = now / 900_000_000
            let used = takes.reduce(0) { $0 + ($1.time / 900_000_000 > quarter - 97 ? $1.amount : 0) }
            #expect(window.used(at: at(now)) == used, "step \(step)")
            let amount = random.pick(0...max(1, usable / 3))
            let grant = window.grantTime(amount, after: 0, at: at(now)).microseconds
            #expect((grant == now) == (used + amount <= usable), "step \(step)")
            // At the moment that was foretold it fits, and in the quarter hour before it did not.
            let then = grant / 900_000_000
            let left = takes.reduce(0) { $0 + ($1.time / 900_000_000 > then - 97 ? $1.amount : 0) }
            #expect(left + amount <= usable, "step \(step)")
            if grant > now {
                let before = takes.reduce(0) { $0 + ($1.time / 900_000_000 > then - 98 ? $1.amount : 0) }
                #expect(before + amount > usable, "step \(step)")
            }
            guard grant == now else { continue }
            window.take(amount, at: at(now))
            takes.append((now, amount))
            let sum = takes.reduce(0) { $0 + ($1.time > now - 86_400_000_000 ? $1.amount : 0) }
            #expect(sum <= usable)
        }
    }

    @Test func dayWindowGivesBackOnlyWhatThisQuarterHourHolds() {
        var window = DayWindow(limit: 100, at: at(0))
        window.take(40, at: at(0))
        window.take(10, at: at(.seconds(1_000)))
        window.correct(by: 30, at: at(.seconds(1_000)))
        #expect(window.used(at: at(.seconds(1_000))) == 40)
        window.correct(by: -20, at: at(.seconds(1_000)))
        #expect(window.used(at: at(.seconds(1_000))) == 60)
        #expect(window.grantTime(1, after: 1_000, at: at(.seconds(1_000))) > at(.seconds(86_400)))
        #expect(window.used(at: at(.seconds(90_000))) == 0)
    }

    /// The header rule: while the provider stands below half of its limit it has not given the surplus back, and
    /// neither do we; above it, or without headers, the surplus is ours again.
    @Test(arguments: [(Optional(400), 0), (Optional(600), 50), (nil, 50)])
    func aSurplusComesBackUnderTheHeaderRule(remaining: Int?, back: Int) {
        var quota = MinuteQuota(configured: 1_000, at: at(0))
        quota.take(79, at: at(0))
        if let remaining {
            quota.observe(limit: nil, remaining: remaining, sentThen: quota.sent, sentAt: at(0), at: at(0))
        }
        let before = quota.bucket?.available(at: at(0)) ?? 0
        quota.settle(by: 50, at: at(0))
        #expect((quota.bucket?.available(at: at(0)) ?? 0) - before == back)
        quota.settle(by: -10, at: at(0))
        #expect((quota.bucket?.available(at: at(0)) ?? 0) - before == back - 10, "more use always counts")
    }

    /// An answer that was overtaken says nothing new, and what we sent since is taken off what it says is left.
    @Test func whatIsLeftIsCarriedForward() {
        var quota = MinuteQuota(configured: 12_000, at: at(0))
        quota.take(100, at: at(0))
        let first = quota.sent
        quota.take(200, at: at(1_000))
        quota.observe(limit: nil, remaining: 500, sentThen: first, sentAt: at(0), at: at(1_000))
        #expect(quota.bucket?.available(at: at(1_000)) == 300, "500 less the 200 that were sent after it")
        quota.observe(limit: nil, remaining: 0, sentThen: 0, sentAt: at(-5), at: at(1_000))
        #expect(quota.bucket?.available(at: at(1_000)) == 300)
    }

    /// The rate of now is at most half more than any rate of 15 minutes before, at every pair of moments.
    @Test(arguments: [1, 2, 7, 100, 33_333])
    func rampGrowsByHalfInFifteenMinutesAtMost(base: Int) {
        let period: Int64 = 900_000_000
        for elapsed in stride(from: Int64(0), through: 8 * period, by: 7_000_000) {
            let early = RampGovernor.rate(base: base, after: elapsed)
            for later in [period / 3, period / 2, period - 1, period] {
                let late = RampGovernor.rate(base: base, after: elapsed + later)
                #expect(late >= early && Double(late) <= 1.5 * Double(early) + 1, "\(elapsed) + \(later)")
            }
        }
    }

    /// A rate of one a minute grows too.
    @Test func rampLeavesNobodyBehind() {
        #expect((0...8).map { RampGovernor.rate(base: 1, after: $0 * 900_000_000) } == [1, 1, 2, 3, 5, 7, 11, 17, 25])
    }

    /// After `slow_down` in no 15 minutes is more sent than half more than in the 15 minutes before, but for the burst.
    @Test(arguments: Seeds.range(dividedBy: 100))
    func rampHoldsWhatIsSent(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let before = Int64(random.element([60, 600]))
        var governor = RampGovernor()
        for index in 0..<before * 15 { governor.sent(at: at(index * 60_000_000 / before)) }
        governor.slowDown(at: at(.seconds(960)))
        let rate = governor.ratePerMinute ?? 0
        #expect(abs(rate - Int(before)) <= Int(before) / 10)
        var now = MonotonicTime(microseconds: .seconds(960))
        var sends: [Int64] = []
        while now < at(.seconds(960 + 3_600)) {
            now = governor.grantTime(ahead: 0, at: now)
            governor.advance(limit: nil, at: now)
            guard governor.grantTime(ahead: 0, at: now) <= now else { continue }
            governor.sent(at: now)
            sends.append(now.microseconds)
        }
        let windows = (0..<4).map { index in
            let start = Int64.seconds(960 + 900 * Int64(index))
            return sends.count { $0 >= start && $0 < start + .seconds(900) }
        }
        #expect(windows[0] <= rate * 15 * 5 / 4 + rate / 12 + 2, "\(windows)")
        for index in 1..<4 {
            let burst = windows[index] / 15 / 12 + 2
            #expect(Double(windows[index]) <= 1.5 * Double(windows[index - 1]) + Double(burst), "\(windows)")
        }
        #expect(windows[3] > windows[0])
        governor.advance(limit: 1, at: now)
        #expect(governor.ratePerMinute == nil, "it lets go at the limit")
    }
}
