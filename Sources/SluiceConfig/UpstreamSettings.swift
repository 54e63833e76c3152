/// One entry of `upstreams`: a provider, how to reach it, and with which keys.
package struct UpstreamSettings: Equatable, Sendable {
    /// The name of the upstream that is made from the environment when the file names none.
    static let defaultName = "openai"
    /// Where that upstream is unless `$OPENAI_BASE_URL` says otherwise.
    static let defaultBaseURL = "https://api.openai.com/v1"

    /// The HTTP version spoken to the upstream.
    package enum HTTPVersion: String, CaseIterable, Sendable {
        /// HTTP/2 where TLS negotiates it, else HTTP/1.1.
        case auto
        case http1 = "1.1"
        case http2 = "2"
    }

    /// Unique among the upstreams.
    package internal(set) var name = ""
    /// `http` or `https` URL up to and including the version, without a slash at its end.
    package internal(set) var baseURL = ""
    /// Connect to this Unix socket instead of the URL's host.
    package internal(set) var unixSocket: String?
    /// URL of a proxy (`http`, `https`, `socks5`, `socks5h`), without a user or a password in it.
    package internal(set) var proxy: String?
    /// PEM file of the authorities to trust instead of the system's.
    package internal(set) var caFile: String?
    /// The HTTP version.
    package internal(set) var http = HTTPVersion.auto
    /// Connections to one host. libcurl has one such bound: the largest of all upstreams holds for each.
    package internal(set) var maxConnections = 256
    /// Time limits of one attempt.
    package internal(set) var timeouts = TimeoutSettings()
    /// Bytes of one answer.
    package internal(set) var maxResponseSize = 64 << 20
    /// Value of the header `OpenAI-Organization`.
    package internal(set) var organization: String?
    /// Value of the header `OpenAI-Project`.
    package internal(set) var project: String?
    /// Further request headers.
    package internal(set) var headers: [HeaderField] = []
    /// Where the keys are; empty for an upstream that needs none.
    package internal(set) var keys: [KeySource] = []

    /// The defaults.
    package init() {}
}

extension UpstreamSettings: ConfigurationSection {
    static let fields: [Field<UpstreamSettings>] = [
        .value("name", \.name, .identifier, .live, isRequired: true, "Name, unique among the upstreams"),
        .value(
            "base_url", \.baseURL, .baseURL, .live, isRequired: true,
            "URL up to the version, such as https://api.openai.com/v1"),
        .optional("unix_socket", \.unixSocket, .socketPath, .live, "Connect to this socket instead of the URL's host"),
        .optional("proxy", \.proxy, .proxyURL, .live, "Proxy URL: http, https, socks5 or socks5h"),
        .optional("ca_file", \.caFile, .absolutePath, .live, "PEM file of the authorities to trust, not the system's"),
        .value("http", \.http, .choice, .live, "HTTP version; auto is HTTP/2 where TLS negotiates it"),
        .value(
            "max_connections", \.maxConnections, .count(1...4096), .restart,
            "Connections to one host; the largest of all upstreams holds for each"),
        .section("timeouts", \.timeouts, "Time limits of one attempt"),
        .value(
            "max_response_size", \.maxResponseSize, .size(1024...(1 << 30)), .live,
            "Largest plain answer; a stream is bounded chunk by chunk"),
        .optional("organization", \.organization, .headerValue, .live, "Header OpenAI-Organization"),
        .optional("project", \.project, .headerValue, .live, "Header OpenAI-Project"),
        .map("headers", \.headers, maximum: 32, .live, "Further request headers, none that carries a credential"),
        .sections("keys", \.keys, maximum: 16, "Where the keys are; none for an upstream that needs none"),
    ]

    func check(_ place: SectionPlace) {
        for (index, key) in keys.enumerated() where !key.name.isEmpty {
            guard let first = keys.firstIndex(where: { $0.name == key.name }), first < index else { continue }
            place.report("keys", index, "name", Fault("keys[\(first)] has the same name \(quoted(key.name))"))
        }
        let names = headers.map { $0.name.lowercased() }
        if let twice = names.indices.first(where: { names[..<$0].contains(names[$0]) }) {
            place.report("headers", Fault("\(quoted(headers[twice].name)) is there twice; case does not count"))
        }
        if unixSocket != nil, proxy != nil {
            place.report("proxy", Fault("a proxy and a unix_socket exclude each other", suggestion: "remove one"))
        }
    }
}

/// Section `upstreams[].timeouts`: time limits of one attempt.
package struct TimeoutSettings: Equatable, Sendable {
    /// To a connection that is ready to use, TLS included.
    package internal(set) var connect = Duration.seconds(5)
    /// From the request sent to the first byte of the answer.
    package internal(set) var firstByte = Duration.seconds(120)
    /// Between two bytes of the answer.
    package internal(set) var idle = Duration.seconds(60)
    /// The attempt as a whole.
    package internal(set) var total = Duration.seconds(600)

    /// The defaults.
    package init() {}
}

extension TimeoutSettings: ConfigurationSection {
    static let fields: [Field<TimeoutSettings>] = [
        .value(
            "connect", \.connect, .duration(.milliseconds(1) ... .seconds(600)), .live,
            "To a connection that is ready to use, TLS included"),
        .value(
            "first_byte", \.firstByte, .duration(.milliseconds(1) ... .seconds(86400)), .live,
            "From the request sent to the first byte of the answer"),
        .value(
            "idle", \.idle, .duration(.milliseconds(1) ... .seconds(86400)), .live, "Between two bytes of the answer"),
        .value("total", \.total, .duration(.milliseconds(1) ... .seconds(86400)), .live, "The attempt as a whole"),
    ]

    func check(_ place: SectionPlace) {
        for (name, value) in [("connect", connect), ("first_byte", firstByte), ("idle", idle)] {
            guard value > total, place.has(name) || place.has("total") else { continue }
            place.report(
                place.has(name) ? name : "total",
                Fault(
                    "\(name) (\(DurationFormat.write(value))) is longer than total (\(DurationFormat.write(total)))",
                    suggestion: "raise total or lower \(name)"))
        }
    }
}

/// One further request header.
package struct HeaderField: Equatable, Sendable {
    /// The name as the file writes it.
    package let name: String
    /// The value: printable ASCII, at most 1,024 bytes.
    package let value: String
}
