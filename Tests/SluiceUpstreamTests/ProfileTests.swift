import SluiceUpstream
import Testing

/// What a profile refuses.
@Suite struct ProfileTests {
    private typealias Refused = UpstreamConfigurationError

    @Test(arguments: [
        "ftp://example.com/v1", "example.com/v1", "http://", "http://user:pw@example.com/v1", "https://h/v1?x=1",
        "https://h/v1#f", "https://h/a b", "https://h/\r\nx", "file:///etc/passwd", "",
    ])
    func aBaseURLOutOfRule(url: String) {
        #expect(throws: Refused.invalidBaseURL) { try UpstreamProfile(name: "t", baseURL: url) }
    }

    @Test(arguments: [
        ("http://h:8080/v1/", "http://h:8080/v1"), ("HTTPS://h", "HTTPS://h"), ("http://[::1]/v1", "http://[::1]/v1"),
    ])
    func aBaseURLWithinRule(url: String, kept: String) throws {
        #expect(try UpstreamProfile(name: "t", baseURL: url).baseURL == kept)
    }

    @Test(arguments: ["a\r\nInjected: 1", "a\nb", "a\rb", "a\u{0}b", "a\u{7f}"])
    func aHeaderValueWithControls(value: String) {
        let line = UpstreamHeaderLine(name: "Authorization", value: value)
        #expect(throws: Refused.invalidHeaderValue(index: 0)) {
            try UpstreamProfile(name: "t", baseURL: "http://h", headers: [line])
        }
    }

    @Test(arguments: ["", "a b", "a:", "a\r\nb", "Content-Length", "transfer-encoding", "Host", "ü"])
    func aHeaderNameOutOfRule(name: String) {
        let line = UpstreamHeaderLine(name: name, value: "x")
        #expect(throws: Refused.invalidHeaderName(index: 0)) {
            try UpstreamProfile(name: "t", baseURL: "http://h", headers: [line])
        }
    }

    @Test func routesOutOfRule() {
        #expect(throws: Refused.invalidProxyURL) {
            try UpstreamProfile(name: "t", baseURL: "http://h", proxy: "gopher://p")
        }
        #expect(throws: Refused.proxyWithUnixSocket) {
            try UpstreamProfile(name: "t", baseURL: "http://h", unixSocketPath: "/s", proxy: "http://p")
        }
        #expect(throws: Refused.invalidUnixSocketPath) {
            try UpstreamProfile(name: "t", baseURL: "http://h", unixSocketPath: String(repeating: "s", count: 108))
        }
        #expect(throws: Refused.unreadableCAFile) {
            try UpstreamProfile(name: "t", baseURL: "https://h", caFile: "/nowhere/ca.pem")
        }
        #expect(throws: Refused.outOfRange(setting: "connectTimeoutMS")) {
            try UpstreamProfile(name: "t", baseURL: "http://h", connectTimeoutMS: 0)
        }
        #expect(throws: Refused.tooManyHeaders) {
            let lines = Array(repeating: UpstreamHeaderLine(name: "a", value: "b"), count: 65)
            return try UpstreamProfile(name: "t", baseURL: "http://h", headers: lines)
        }
    }
}
