/// The response headers that are kept. Most lines are dismissed by the length of their name alone, and the names of
/// those kept are literals, so that no memory is allocated for them.
enum HeaderNames {
    /// The lower-case name if this header is kept.
    static func kept(_ name: UnsafeBufferPointer<UInt8>) -> String? {
        for candidate in byLength[min(name.count, byLength.count - 1)] where matches(name, candidate.bytes) {
            return candidate.name
        }
        let prefix = UnsafeBufferPointer(rebasing: name.prefix(rateLimitPrefix.count))
        guard name.count > rateLimitPrefix.count, matches(prefix, rateLimitPrefix) else { return nil }
        return String(decoding: name, as: UTF8.self).lowercased()
    }

    static func isContentLength(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        name.count == contentLength.count && matches(name, contentLength)
    }

    private struct Known {
        let name: String
        let bytes: [UInt8]
    }

    private static let contentLength = Array("content-length".utf8)
    private static let rateLimitPrefix = Array("x-ratelimit-".utf8)

    private static let byLength: [[Known]] = {
        let names = [
            "content-type", "openai-processing-ms", "openai-version", "retry-after", "retry-after-ms", "x-request-id",
            "x-should-retry", "x-ratelimit-limit-requests", "x-ratelimit-limit-tokens",
            "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-requests",
            "x-ratelimit-reset-tokens",
        ]
        let longest = names.map(\.utf8.count).max() ?? 0
        var table = [[Known]](repeating: [], count: longest + 2)
        for name in names { table[name.utf8.count].append(Known(name: name, bytes: Array(name.utf8))) }
        return table
    }()

    /// Equal but for the case of ASCII letters; `expected` is lower case and holds only letters and hyphens.
    private static func matches(_ name: UnsafeBufferPointer<UInt8>, _ expected: [UInt8]) -> Bool {
        guard name.count == expected.count else { return false }
        for index in 0..<name.count where name[index] | 0x20 != expected[index] { return false }
        return true
    }
}
