import Testing

@testable import SluiceProvider

@Suite("Rate limiter of the stand-in")
struct RateLimiterTests {
    private let second: UInt64 = 1_000_000_000

    @Test("refills continuously and stops at full")
    func refill() {
        var bucket = QuotaBucket(limit: 60, nowNS: 0)
        bucket.take(60)
        #expect(bucket.remaining == 0)
        #expect(bucket.waitNS(for: 1) == 1_000_000_000)
        bucket.refill(nowNS: second / 2)
        #expect(bucket.waitNS(for: 1) == 500_000_000)
        bucket.refill(nowNS: 10 * second)
        #expect(bucket.remaining == 10)
        bucket.refill(nowNS: .max)
        #expect(bucket.remaining == 60)
        #expect(bucket.fullAfterNS == 0)
    }

    @Test("loses nothing to rounding over many small steps")
    func exactness() {
        var bucket = QuotaBucket(limit: 7, nowNS: 0)
        bucket.take(7)
        for step in 1...100_000 { bucket.refill(nowNS: UInt64(step) * 599_999) }
        #expect(bucket.remaining == 6)
        bucket.refill(nowNS: 60 * second)
        #expect(bucket.remaining == 7)
    }

    @Test("a clock that goes back changes nothing")
    func clockBack() {
        var bucket = QuotaBucket(limit: 10, nowNS: 5 * second)
        bucket.take(10)
        bucket.refill(nowNS: second)
        #expect(bucket.remaining == 0)
        bucket.refill(nowNS: 11 * second)
        #expect(bucket.remaining == 1)
    }

    @Test("the largest limit does not overflow", arguments: [QuotaBucket.maxLimit, .max])
    func largest(limit: Int) {
        var bucket = QuotaBucket(limit: limit, nowNS: 0)
        #expect(bucket.remaining == QuotaBucket.maxLimit)
        bucket.take(.max)
        #expect(bucket.remaining == 0)
        bucket.refill(nowNS: 60 * second)
        #expect(bucket.remaining == QuotaBucket.maxLimit)
    }

    @Test("takes requests and tokens together or not at all")
    func together() {
        var limiter = RateLimiter(limits: RateLimits(requestsPerMinute: 10, tokensPerMinute: 100), nowNS: 0)
        #expect(limiter.admit(tokenCount: 90, nowNS: 0) == .granted)
        let refused = limiter.admit(tokenCount: 20, nowNS: 0)
        #expect(refused == .refused(quota: .tokens, waitNS: 6_000_000_000))
        #expect(limiter.tokens?.remaining == 10)
        #expect(limiter.requests?.remaining == 8, "a refused call counts as a request")
    }

    @Test("refused calls are free where that is asked for")
    func freeRefusals() {
        var limits = RateLimits(requestsPerMinute: 10, tokensPerMinute: 100)
        limits.countsRefused = false
        var limiter = RateLimiter(limits: limits, nowNS: 0)
        #expect(limiter.admit(tokenCount: 90, nowNS: 0) == .granted)
        #expect(limiter.admit(tokenCount: 20, nowNS: 0) == .refused(quota: .tokens, waitNS: 6_000_000_000))
        #expect(limiter.requests?.remaining == 9)
    }

    @Test("a call larger than the limit can never pass")
    func tooLarge() {
        var limiter = RateLimiter(limits: RateLimits(tokensPerMinute: 100), nowNS: 0)
        #expect(limiter.admit(tokenCount: 101, nowNS: 0) == .refused(quota: .tokens, waitNS: nil))
        #expect(limiter.admit(tokenCount: 100, nowNS: 0) == .granted)
    }

    @Test("hammering faster than the refill never gets through")
    func hammering() {
        var limiter = RateLimiter(limits: RateLimits(requestsPerMinute: 60), nowNS: 0)
        for _ in 0..<60 { #expect(limiter.admit(tokenCount: 0, nowNS: 0) == .granted) }
        for step in 1...100 {
            #expect(limiter.admit(tokenCount: 0, nowNS: UInt64(step) * second / 2) != .granted)
        }
        #expect(limiter.admit(tokenCount: 0, nowNS: 52 * second) == .granted)
    }

    @Test(
        "writes resets as OpenAI does",
        arguments: [
            (0, "0ms"), (1, "1ms"), (12_000_000, "12ms"), (999_999_999, "1s"), (1_000_000_000, "1s"),
            (7_660_000_000, "7.66s"), (59_999_000_000, "59.999s"), (360_000_000_000, "6m0s"),
            (62_500_000_000, "1m2.5s"), (3_600_000_000_000, "1h0m0s"), (-5, "0ms"),
        ])
    func reset(nanoseconds: Int, text: String) {
        #expect(Durations.reset(nanoseconds: nanoseconds) == text)
    }

    @Test(
        "writes HTTP dates",
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        ])
    func httpDate(seconds: Int, text: String) {
        #expect(Durations.httpDate(unixSeconds: seconds) == text)
    }
}
