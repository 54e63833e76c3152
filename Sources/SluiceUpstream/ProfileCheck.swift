internal import CCurl
internal import Glibc

/// The rules a profile's settings must meet.
enum ProfileCheck {
    /// libcurl's own parser judges the URL, because it is the one that will use it.
    static func baseURL(_ text: String) throws(UpstreamConfigurationError) -> (text: String, isTLS: Bool) {
        var trimmed = Substring(text)
        while trimmed.hasSuffix("/") { trimmed.removeLast() }
        let url = String(trimmed)
        guard text.utf8.count <= 2_048, isPrintable(text), let parts = URLParts(url) else { throw .invalidBaseURL }
        let scheme = parts.part(CURLUPART_SCHEME)
        let forbidden = [CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT]
        guard scheme == "http" || scheme == "https", url.contains("://"),
            forbidden.allSatisfy({ parts.part($0) == nil })
        else { throw .invalidBaseURL }
        return (url, scheme == "https")
    }

    static func route(unixSocketPath: String?, proxy: String?) throws(UpstreamConfigurationError) {
        if let path = unixSocketPath {
            guard (1...107).contains(path.utf8.count), !path.utf8.contains(0) else { throw .invalidUnixSocketPath }
            guard proxy == nil else { throw .proxyWithUnixSocket }
        }
        guard let proxy else { return }
        let known = ["http", "https", "socks5", "socks5h"]
        guard proxy.utf8.count <= 2_048, isPrintable(proxy), proxy.contains("://"),
            let scheme = URLParts(proxy)?.part(CURLUPART_SCHEME), known.contains(scheme)
        else { throw .invalidProxyURL }
    }

    static func headers(_ lines: [UpstreamHeaderLine]) throws(UpstreamConfigurationError) {
        guard lines.count <= 64 else { throw .tooManyHeaders }
        for (index, line) in lines.enumerated() {
            let governed = ["content-length", "transfer-encoding", "connection", "expect", "host"]
            guard isToken(line.name), !governed.contains(line.name.lowercased()) else {
                throw .invalidHeaderName(index: index)
            }
            let value = line.value.utf8
            guard value.count <= 8_192, value.allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7f) }) else {
                throw .invalidHeaderValue(index: index)
            }
        }
    }

    static func readable(_ path: String?) throws(UpstreamConfigurationError) {
        guard let path else { return }
        guard !path.utf8.contains(0), access(path, R_OK) == 0 else { throw .unreadableCAFile }
    }

    static func range(_ value: Int, _ allowed: ClosedRange<Int>, _ setting: String) throws(UpstreamConfigurationError) {
        guard allowed.contains(value) else { throw .outOfRange(setting: setting) }
    }

    /// A path that can be appended to a base URL as it stands: `/…`, visible ASCII, at most 2,048 bytes, no fragment.
    static func isRequestPath(_ path: String) -> Bool {
        let bytes = path.utf8
        return bytes.first == UInt8(ascii: "/") && bytes.count <= 2_048 && isPrintable(path)
            && !bytes.contains(UInt8(ascii: "#"))
    }

    private static func isPrintable(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }

    private static func isToken(_ text: String) -> Bool {
        let extra = Set("!#$%&'*+-.^_`|~".utf8)
        return (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"):
                    true
                default: extra.contains(byte)
                }
            }
    }
}

/// A URL taken apart by libcurl.
private struct URLParts: ~Copyable {
    private let handle: OpaquePointer

    init?(_ text: String) {
        guard let handle = curl_url() else { return nil }
        guard curl_url_set(handle, CURLUPART_URL, text, UInt32(CURLU_NON_SUPPORT_SCHEME)) == CURLUE_OK else {
            curl_url_cleanup(handle)
            return nil
        }
        self.handle = handle
    }

    deinit { curl_url_cleanup(handle) }

    func part(_ part: CURLUPart) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &text, 0) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
