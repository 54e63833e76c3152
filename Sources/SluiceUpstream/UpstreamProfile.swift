/// One header line that is the same for every request of a profile.
package struct UpstreamHeaderLine: Sendable {
    /// The field name, as it is written on the wire.
    package let name: String
    /// The field value; it may be a secret and is never logged or printed.
    package let value: String

    /// Makes a line; ``UpstreamProfile`` checks it.
    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// Which HTTP versions may be used.
package enum UpstreamHTTPVersion: Sendable {
    /// HTTP/2 where TLS negotiates it, else HTTP/1.1.
    case auto
    /// HTTP/1.1 only.
    case http11
    /// The same as `auto`: over plain text always HTTP/1.1, and a server may decline HTTP/2.
    case http2
}

/// What is the same for every request to one upstream with one key.
///
/// Its reference identity is the identity of a pool of prepared handles inside the engine: keep one per (upstream,
/// key), and hand it to ``UpstreamEngine/retire(_:)`` when it goes out of use.
package final class UpstreamProfile: Sendable {
    /// A short name for logs and metrics, without secrets.
    package let name: String
    /// The base URL without a trailing slash.
    package let baseURL: String
    let unixSocketPath: String?
    let proxy: String?
    let caFile: String?
    let httpVersion: UpstreamHTTPVersion
    let connectTimeoutMS: Int
    let headers: [UpstreamHeaderLine]
    let maxConnections: Int
    let maxResponseBytes: Int
    let isTLS: Bool

    /// Checks everything at once, so that a request can only fail for reasons outside.
    ///
    /// - Parameters:
    ///   - name: for logs and metrics.
    ///   - baseURL: such as `https://api.openai.com/v1` or `http://127.0.0.1:8080/v1`.
    ///   - unixSocketPath: connect here instead of to the URL's host (1…107 bytes).
    ///   - proxy: proxy URL; `nil` means a direct connection, whatever the environment says.
    ///   - caFile: PEM bundle that replaces the system's trust; verification itself cannot be turned off.
    ///   - httpVersion: which versions may be used.
    ///   - connectTimeoutMS: name resolution, connect and TLS handshake together, 1…3,600,000.
    ///   - headers: static header lines, `Authorization` among them; at most 64.
    ///   - maxConnections: connections to this host, 1…65,536. libcurl holds one such bound per engine:
    ///     the largest among its profiles applies.
    ///   - maxResponseBytes: bound of a buffered body, 1…1 GiB. A body that is streamed out is not bounded by it.
    /// - Throws: the first problem found.
    package init(
        name: String,
        baseURL: String,
        unixSocketPath: String? = nil,
        proxy: String? = nil,
        caFile: String? = nil,
        httpVersion: UpstreamHTTPVersion = .auto,
        connectTimeoutMS: Int = 5_000,
        headers: [UpstreamHeaderLine] = [],
        maxConnections: Int = 256,
        maxResponseBytes: Int = 64 << 20
    ) throws(UpstreamConfigurationError) {
        let base = try ProfileCheck.baseURL(baseURL)
        try ProfileCheck.route(unixSocketPath: unixSocketPath, proxy: proxy)
        try ProfileCheck.headers(headers)
        try ProfileCheck.readable(caFile)
        try ProfileCheck.range(connectTimeoutMS, 1...3_600_000, "connectTimeoutMS")
        try ProfileCheck.range(maxConnections, 1...65_536, "maxConnections")
        try ProfileCheck.range(maxResponseBytes, 1...(1 << 30), "maxResponseBytes")
        self.name = name
        self.baseURL = base.text
        self.isTLS = base.isTLS
        self.unixSocketPath = unixSocketPath
        self.proxy = proxy
        self.caFile = caFile
        self.httpVersion = httpVersion
        self.connectTimeoutMS = connectTimeoutMS
        self.headers = headers
        self.maxConnections = maxConnections
        self.maxResponseBytes = maxResponseBytes
    }
}
