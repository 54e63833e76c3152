/// Why an ``UpstreamProfile`` was refused. No case carries a header value, a URL or a proxy URL: they may hold secrets.
package enum UpstreamConfigurationError: Error, Equatable, Sendable {
    /// Not an absolute `http` or `https` URL, or one with user information, a query or a fragment.
    case invalidBaseURL
    /// Not an `http`, `https`, `socks5` or `socks5h` proxy URL.
    case invalidProxyURL
    /// A header name that is not an RFC 9110 token, or one that the engine itself governs.
    case invalidHeaderName(index: Int)
    /// A header value with a control character (CR and LF among them), or longer than 8,192 bytes.
    case invalidHeaderValue(index: Int)
    /// More than 64 static headers.
    case tooManyHeaders
    /// Empty, longer than 107 bytes (`sun_path`), or with a NUL.
    case invalidUnixSocketPath
    /// A Unix socket and a proxy exclude each other.
    case proxyWithUnixSocket
    /// The CA file cannot be read by this process.
    case unreadableCAFile
    /// A number is outside its documented range.
    case outOfRange(setting: String)
}
