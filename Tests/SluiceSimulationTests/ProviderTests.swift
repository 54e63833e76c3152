import SluicePolicy
import Testing

@testable import SluiceSimulation

@Suite("The provider model")
struct ProviderTests {
    private static let call = ProviderRequest(
        inputTokens: 40, outputTokens: 10, maxTokens: 60, images: 0, isStream: false, measured: nil)

    private static func plan(_ schedule: [ProviderChange] = []) -> ProviderPlan {
        var plan = ProviderPlan()
        plan.limits = ProviderLimits(requestsPerMinute: 60, tokensPerMinute: 1_000)
        plan.firstToken = .constant(500_000)
        (plan.tokensPerSecond, plan.paceSigma) = (9, 0)
        plan.schedule = schedule
        return plan
    }

    private static func answer(_ model: inout ProviderModel, at now: Int64) -> ProviderExchange {
        var random = SeededRandom(seed: 1, path: UInt64(now))
        return model.answer(call, at: now, random: &random)
    }

    @Test("Prompt and asked-for maximum count up front, and nothing comes back")
    func quota() {
        var model = ProviderModel(Self.plan())
        for number in 1...10 {
            let exchange = Self.answer(&model, at: 0)
            #expect(exchange.outcome == .success(usedTokens: 50))
            #expect(exchange.report?.tokensRemaining == 1_000 - 100 * number)
            #expect(exchange.report?.requestLimit == 60)
            // Round trip, first token, nine more of them at nine a second.
            #expect(exchange.endAt == 1_520_000)
        }
        let refused = Self.answer(&model, at: 0)
        // 100 tokens at 1,000 a minute.
        #expect(refused.outcome == .rateLimited(retryAfterMicroseconds: 6_000_000) && refused.isRateLimited)
        #expect(refused.report?.requestsRemaining == 49, "a refused request counts too")
        #expect(Self.answer(&model, at: 6_000_000).outcome == .success(usedTokens: 50))
    }

    @Test("A call that is larger than the limit is refused without a time")
    func oversize() {
        var quota = ProviderQuota(ProviderLimits(tokensPerMinute: 10), at: 0)
        let verdicts = [11, 10].map { quota.admit(tokens: $0, images: 0, at: 0) }
        #expect(verdicts == [.refused(waitMicroseconds: nil), .granted])
    }

    @Test("Images have a limit of their own")
    func images() {
        var quota = ProviderQuota(ProviderLimits(imagesPerMinute: 6), at: 0)
        let verdicts = [5, 2].map { quota.admit(tokens: 0, images: $0, at: 0) }
        #expect(verdicts == [.granted, .refused(waitMicroseconds: 10_000_000)])
    }

    @Test("A bucket neither gains nor loses by being looked at")
    func refill() {
        var often = ProviderBucket(limit: 7, at: 0)
        var seldom = often
        often.take(7, at: 0)
        seldom.take(7, at: 0)
        for time in stride(from: Int64(0), through: 30_000_000, by: 13) {
            often.take(0, at: time)
        }
        often.take(0, at: 30_000_000)
        #expect(often.remaining(at: 60_000_000) == seldom.remaining(at: 60_000_000))
        #expect(seldom.wait(for: 7, at: 30_000_000) == 30_000_000)
    }

    @Test("Others' use drains the quota", arguments: [(240, 760), (1_000, 0), (5_000, 0)])
    func others(_ perMinute: Int, _ left: Int) {
        var model = ProviderModel(
            Self.plan([
                ProviderChange(
                    from: 0, until: 60_000_000, percent: 100,
                    kind: .otherHosts(requestsPerMinute: 0, tokensPerMinute: perMinute))
            ]))
        for _ in 0..<10 { _ = Self.answer(&model, at: 0) }
        #expect(model.quota.tokens?.remaining(at: 60_010_000) == left)
    }

    @Test("Changes of limits come and go at their moments")
    func limits() {
        let half = ProviderLimits(requestsPerMinute: 30, tokensPerMinute: 500)
        var model = ProviderModel(
            Self.plan([ProviderChange(from: 10, until: 1_000, percent: 100, kind: .limits(half))]))
        #expect(Self.answer(&model, at: 9).report?.tokenLimit == 1_000)
        let during = Self.answer(&model, at: 10).report
        #expect(during?.tokenLimit == 500 && during?.tokensRemaining == 400)
        #expect(Self.answer(&model, at: 1_000).report?.tokenLimit == 1_000)
    }

    @Test(
        "Faults are what they say",
        arguments: [
            (
                ProviderChange.Kind.refuse, AttemptOutcome.transient(.notSent, retryAfterMicroseconds: nil),
                1_000 as Int64?
            ),
            (.error, .transient(.serverError, retryAfterMicroseconds: nil), 20_000),
            (.overloaded, .transient(.overloaded, retryAfterMicroseconds: nil), 20_000),
            (.hang, .transient(.timeout, retryAfterMicroseconds: nil), nil),
            (.slowDown, .slowDown(retryAfterMicroseconds: nil), 20_000),
            (.quotaExhausted, .keyUnusable(isQuota: true), 20_000),
            (.slow(factor: 3), .success(usedTokens: 50), 20_000 + 4_500_000),
        ])
    func faults(_ kind: ProviderChange.Kind, _ outcome: AttemptOutcome, _ end: Int64?) {
        var model = ProviderModel(Self.plan([ProviderChange(from: 0, until: .max, percent: 100, kind: kind)]))
        let exchange = Self.answer(&model, at: 0)
        #expect(exchange.outcome == outcome && exchange.endAt == end)
    }

    @Test("A fault strikes its share of the calls")
    func share() {
        var plan = Self.plan([ProviderChange(from: 0, until: .max, percent: 30, kind: .error)])
        plan.limits = ProviderLimits()
        var model = ProviderModel(plan)
        let struck = (0..<10_000).count { number in
            Self.answer(&model, at: Int64(number)).outcome == .transient(.serverError, retryAfterMicroseconds: nil)
        }
        #expect((2_800...3_200).contains(struck), "\(struck)")
    }

    @Test("Headers lie as they are told to")
    func lies() {
        func report(_ kind: ProviderChange.Kind) -> QuotaReport? {
            var model = ProviderModel(Self.plan([ProviderChange(from: 0, until: .max, percent: 100, kind: kind)]))
            return Self.answer(&model, at: 0).report
        }
        #expect(report(.noHeaders) == nil)
        #expect(report(.zeroRemaining)?.tokensRemaining == 0)
        #expect(report(.limitLie(percent: 50))?.tokenLimit == 500)
    }

    @Test("A stream's head comes before its end, and none where it breaks before")
    func streams() {
        var model = ProviderModel(Self.plan())
        var random = SeededRandom(seed: 1)
        var call = Self.call
        call.isStream = true
        let whole = model.answer(call, at: 0, random: &random)
        #expect(whole.headAt == 520_000 && whole.endAt == 1_520_000)
        var broken = ProviderModel(Self.plan([ProviderChange(from: 0, until: .max, percent: 100, kind: .cut)]))
        for seed in 0..<50 {
            var random = SeededRandom(seed: UInt64(seed))
            let cut = broken.answer(call, at: Int64(seed) * 60_000_000, random: &random)
            #expect(cut.outcome == .transient(.connectionLost, retryAfterMicroseconds: nil))
            if let head = cut.headAt { #expect(head < cut.endAt ?? 0) }
        }
    }
}
