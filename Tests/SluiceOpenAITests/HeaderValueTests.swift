import SluiceOpenAI
import Testing

@Suite("Header values")
struct HeaderValueTests {
    static let garbage = [
        "", " ", "s", "ms", ".", "..s", "1.2.3s", "-1s", "+1s", "1x", "1 s", " 1s", "1s ", "1m30", "nan", "NaN", "inf",
        "infinity", "0x10", "1e3s", "s1", "1s,2s", "１s", "1\u{301}s", "1sm", "null", "true", "0x1p4",
        String(repeating: "9", count: 400) + "s",
    ]

    @Test(
        "resets",
        arguments: [
            ("12ms", 12), ("1s", 1000), ("6m0s", 360_000), ("1h2m3.5s", 3_723_500), ("2d", 172_800_000), ("0s", 0),
            ("0", 0), ("3", 3000), ("1.5", 1500), ("1.2ms", 2), ("0.0001ms", 1), ("500us", 1), ("500µs", 1),
            ("1500\u{3BC}s", 2), ("8d", HeaderTime.capMS), ("99999999999999999999s", HeaderTime.capMS),
            ("1h", 3_600_000),
            (".5s", 500), ("1m1m", 120_000), (String(repeating: "1s", count: 1000), 1_000_000),
        ])
    func reset(_ text: String, _ expected: Int) {
        #expect(HeaderTime.reset(text) == expected)
    }

    @Test("garbage is no reset", arguments: garbage)
    func badReset(_ text: String) {
        #expect(HeaderTime.reset(text) == nil)
    }

    @Test(
        "retry-after-ms",
        arguments: [
            ("0", 0), ("1", 1), ("1.2", 2), ("1e3", 1000), ("1e308", HeaderTime.capMS), ("604800001", HeaderTime.capMS),
            ("-0", 0),
        ])
    func milliseconds(_ text: String, _ expected: Int) {
        #expect(HeaderTime.milliseconds(text) == expected)
    }

    @Test("garbage is neither milliseconds nor seconds", arguments: garbage + ["-1", "1s", "1e999", "-1e308"])
    func badNumbers(_ text: String) {
        #expect(HeaderTime.milliseconds(text) == nil)
        #expect(HeaderTime.retryAfter(text, wallNowMS: 0) == nil)
    }

    @Test(
        "retry-after in seconds",
        arguments: [
            ("0", 0), ("1", 1000), ("0.0001", 1), ("120", 120_000), ("1e308", HeaderTime.capMS),
        ])
    func seconds(_ text: String, _ expected: Int) {
        #expect(HeaderTime.retryAfter(text, wallNowMS: 0) == expected)
    }

    // Unix times from `date -u -d … +%s`.
    @Test(
        "retry-after as a date",
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000), ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799), ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400), ("Sun, 28 Feb 2100 00:00:00 GMT", 4_107_456_000),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799), ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
        ])
    func dates(_ text: String, _ unixSeconds: Int) {
        #expect(HeaderTime.retryAfter(text, wallNowMS: unixSeconds * 1000) == 0)
        #expect(HeaderTime.retryAfter(text, wallNowMS: (unixSeconds - 5) * 1000) == 5000)
        #expect(HeaderTime.retryAfter(text, wallNowMS: unixSeconds * 1000 - 1) == 1)
        #expect(HeaderTime.retryAfter(text, wallNowMS: (unixSeconds + 5) * 1000) == 0)
        #expect(HeaderTime.retryAfter(text, wallNowMS: unixSeconds * 1000 - HeaderTime.capMS - 1) == HeaderTime.capMS)
    }

    @Test(
        "what is not a date",
        arguments: [
            "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT", "Tue, 29 Feb 2023 08:49:37 GMT",
            "Mon, 29 Feb 2100 08:49:37 GMT", "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 10000 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Nov 1994 x:08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37:x GMT", "Sun, +6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 -8:49:37 GMT",
            "Sun, 06 Nov 9223372036854775808 08:49:37 GMT", "a b c d e f", "     ",
        ])
    func badDates(_ text: String) {
        #expect(HeaderTime.retryAfter(text, wallNowMS: 0) == nil)
    }

    @Test("rate limit headers, all there")
    func all() {
        let headers = [
            "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59",
            "x-ratelimit-reset-requests": "1s", "x-ratelimit-limit-tokens": "150000",
            "x-ratelimit-remaining-tokens": "149984", "x-ratelimit-reset-tokens": "6m0s",
        ]
        let limits = RateLimitHeaders { headers["\($0)"] }
        #expect(limits.requests.limit == 60 && limits.requests.remaining == 59 && limits.requests.resetMS == 1000)
        #expect(limits.tokens.limit == 150_000 && limits.tokens.remaining == 149_984)
        #expect(limits.tokens.resetMS == 360_000)
        #expect(!limits.requests.isEmpty && !limits.tokens.isEmpty)
    }

    @Test(
        "a count that cannot be is absent",
        arguments: [
            "", "-1", "1.5", "1e3", "x", "99999999999999999999", "1000000000001", " 5", "0x5", "nan",
        ])
    func counts(_ text: String) {
        let limits = RateLimitHeaders { "\($0)".contains("reset") ? nil : text }
        #expect(limits == RateLimitHeaders())
        #expect(limits.requests.isEmpty && limits.tokens.isEmpty)
    }

    @Test("none at all")
    func none() {
        #expect(RateLimitHeaders { _ in nil } == RateLimitHeaders())
    }
}
