import Testing

@testable import SluiceConfig

@Suite("Values")
struct ValueTests {
    @Test(
        "durations are read and written back in their shortest form",
        arguments: [
            ("250ms", 250, "250ms"), ("5s", 5000, "5s"), ("2m", 120_000, "2m"), ("1h30m", 5_400_000, "1h30m"),
            ("90s", 90000, "1m30s"), ("1500ms", 1500, "1s500ms"), ("1h0m5s", 3_605_000, "1h5s"), ("0s", 0, "0s"),
        ])
    func durations(_ text: String, _ milliseconds: Int, _ written: String) throws {
        let value = try DurationFormat.parse(Scalar(text: text, isQuoted: false))
        #expect(value == .milliseconds(milliseconds))
        #expect(DurationFormat.write(value) == written)
        #expect(try DurationFormat.parse(Scalar(text: written, isQuoted: false)) == value)
    }

    @Test("what is not a duration", arguments: ["", "s", "5", "5S", "1s1s", "1s2m", "1.5s", "-1s", "5s ", "\u{661}s"])
    func notDurations(_ text: String) {
        #expect(throws: Fault.self) { try DurationFormat.parse(Scalar(text: text, isQuoted: true)) }
    }

    @Test(
        "sizes are read and written back with the largest unit that divides them",
        arguments: [
            ("4MiB", 4_194_304, "4MiB"), ("64KB", 64000, "64KB"), ("1024", 1024, "1KiB"), ("1000B", 1000, "1KB"),
            ("1GiB", 1_073_741_824, "1GiB"), ("2GB", 2_000_000_000, "2GB"), ("7", 7, "7"), ("0", 0, "0"),
        ])
    func sizes(_ text: String, _ bytes: Int, _ written: String) throws {
        let value = try SizeFormat.parse(Scalar(text: text, isQuoted: false))
        #expect(value == bytes)
        #expect(SizeFormat.write(value) == written)
        #expect(try SizeFormat.parse(Scalar(text: written, isQuoted: false)) == value)
    }

    @Test(
        "edit distance counts insertions, deletions, substitutions and swaps",
        arguments: [("", "", 0), ("a", "", 1), ("conect", "connect", 1), ("lveel", "level", 1), ("abc", "xyz", 3)])
    func distance(_ left: String, _ right: String, _ expected: Int) {
        #expect(editDistance(left, right) == expected)
        #expect(editDistance(right, left) == expected)
    }

    @Test(
        "patterns match whole names",
        arguments: [
            ("*", "", true), ("*", "gpt-4o", true), ("gpt-4o", "gpt-4o", true), ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4o*", "gpt-4o-mini", true), ("*-mini", "gpt-4o-mini", true), ("gpt-?o", "gpt-4o", true),
            ("gpt-?o", "gpt-o", false), ("a*b*c", "aXbXbXc", true), ("a*b*c", "aXbX", false), ("A*", "abc", false),
            ("**a", "bba", true), ("", "", true), ("", "a", false),
        ])
    func glob(_ pattern: String, _ name: String, _ expected: Bool) {
        #expect(GlobPattern(pattern).matches(name) == expected)
    }

    @Test("a pattern made to be slow is not")
    func slowGlob() {
        let pattern = GlobPattern(String(repeating: "*a", count: 64))
        #expect(!pattern.matches(String(repeating: "a", count: 100_000) + "b"))
    }

    @Test(
        "the default endpoints and the last-segment star",
        arguments: [
            ("POST", "/v1/chat/completions", true), ("GET", "/v1/chat/completions", false),
            ("POST", "/v1/chat/completions/", false), ("POST", "/v1/responses/input_tokens", true),
            ("GET", "/v1/models", true), ("GET", "/v1/models/gpt-4o", true), ("GET", "/v1/models/", false),
            ("GET", "/v1/models/a/b", false), ("POST", "/v1/audio/speech", false), ("DELETE", "/v1/models/x", false),
        ])
    func endpoints(_ method: String, _ path: String, _ expected: Bool) {
        #expect(EndpointSettings().allows(method: method, path: path) == expected)
    }
}
