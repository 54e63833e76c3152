/// The formats in which OpenAI writes times into headers. All answers are milliseconds, rounded up so that nobody
/// comes back too early, and capped at ``capMS``.
package enum HeaderTime {
    /// Nothing a header says is believed beyond this: seven days.
    package static let capMS = 7 * 86_400_000

    /// A reset such as `12ms`, `1s`, `6m0s`, `1h2m3.5s` or `2d`; a bare number is seconds.
    package static func reset(_ text: String) -> Int? {
        var total = 0.0
        var rest = Substring(text)
        if rest.isEmpty { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard let number = Double(digits), number >= 0 else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            guard let scale = scale(unit) else { return nil }
            if unit.isEmpty, digits.count != text.count { return nil }
            rest = rest.dropFirst(unit.count)
            total += number * scale
        }
        return capped(total)
    }

    /// `retry-after-ms`: a number of milliseconds.
    package static func milliseconds(_ text: String) -> Int? {
        decimal(text).flatMap(capped)
    }

    /// `retry-after`: seconds, or an HTTP date which is compared with `wallNowMS` (Unix time).
    package static func retryAfter(_ text: String, wallNowMS: Int) -> Int? {
        if let seconds = decimal(text) { return capped(min(seconds, Double(capMS)) * 1000) }
        guard let date = HTTPDate.unixSeconds(text) else { return nil }
        return min(max(0, date * 1000 - wallNowMS), capMS)
    }

    /// A number of zero or more; neither the hexadecimal nor the named numbers that `Double` reads besides.
    private static func decimal(_ text: String) -> Double? {
        let allowed = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || ".+-eE".utf8.contains(byte)
        }
        guard allowed, let number = Double(text), number >= 0, number.isFinite else { return nil }
        return number
    }

    private static func scale(_ unit: Substring) -> Double? {
        switch unit {
        case "ms": 1
        case "s", "": 1000
        case "m": 60_000
        case "h": 3_600_000
        case "d": 86_400_000
        // Micro sign or Greek mu: Go, whose durations these are, writes the former.
        case "us", "\u{B5}s", "\u{3BC}s": 0.001
        default: nil
        }
    }

    private static func capped(_ milliseconds: Double) -> Int? {
        guard milliseconds.isFinite else { return nil }
        let bounded = min(milliseconds, Double(capMS))
        let whole = Int(bounded)
        return Double(whole) < bounded ? whole + 1 : whole
    }
}

/// The date format of HTTP, RFC 9110 section 5.6.7 (IMF-fixdate): `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
    static func unixSeconds(_ text: String) -> Int? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let day = number(parts[1], 1...31, digits: 2),
            let month = months.firstIndex(of: String(parts[2])), let year = number(parts[3], 1970...9999, digits: 4)
        else { return nil }
        let clock = parts[4].split(separator: ":", omittingEmptySubsequences: false)
        guard clock.count == 3, let hour = number(clock[0], 0...23, digits: 2),
            let minute = number(clock[1], 0...59, digits: 2), let second = number(clock[2], 0...60, digits: 2)
        else { return nil }
        let date = days(year, month + 1, day)
        // A day beyond its month would be counted into the next one.
        guard month == 11 || date < days(year, month + 2, 1) else { return nil }
        return date * 86_400 + hour * 3600 + minute * 60 + second
    }

    private static func number(_ text: Substring, _ range: ClosedRange<Int>, digits: Int) -> Int? {
        guard text.utf8.count == digits, text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
            let number = Int(text), range.contains(number)
        else { return nil }
        return number
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant, *chrono-compatible low-level date
    /// algorithms*, `days_from_civil`).
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

/// What the `x-ratelimit-*` headers of one answer say.
package struct RateLimitHeaders: Sendable, Equatable {
    /// One of the two quotas.
    package struct Quota: Sendable, Equatable {
        package var limit: Int?
        package var remaining: Int?
        /// Milliseconds until the quota is full again.
        package var resetMS: Int?

        package var isEmpty: Bool { limit == nil && remaining == nil && resetMS == nil }
    }

    package var requests = Quota()
    package var tokens = Quota()

    package init() {}

    /// Reads what is there of the six headers; what cannot be read counts as absent.
    package init(_ header: (StaticString) -> String?) {
        requests.limit = header("x-ratelimit-limit-requests").flatMap(Self.count)
        requests.remaining = header("x-ratelimit-remaining-requests").flatMap(Self.count)
        requests.resetMS = header("x-ratelimit-reset-requests").flatMap(HeaderTime.reset)
        tokens.limit = header("x-ratelimit-limit-tokens").flatMap(Self.count)
        tokens.remaining = header("x-ratelimit-remaining-tokens").flatMap(Self.count)
        tokens.resetMS = header("x-ratelimit-reset-tokens").flatMap(HeaderTime.reset)
    }

    private static func count(_ text: String) -> Int? {
        guard let number = Int(text), (0...1_000_000_000_000).contains(number) else { return nil }
        return number
    }
}
