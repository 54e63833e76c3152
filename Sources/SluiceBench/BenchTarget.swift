/// What a benchmark runs against.
package struct BenchTarget: Sendable, Equatable {
    /// How it is spoken to.
    package enum Kind: String, Sendable {
        /// Sluice's frames.
        case agent
        /// HTTP/1.1 with keep-alive.
        case http
    }

    /// Its name in the report: what stood before `=`, or the whole text.
    package var name: String
    package var kind: Kind
    package var address: SocketAddress

    /// Reads `[name=]agent:/path`, `[name=]http:unix:/path` or `[name=]http:host:port`.
    ///
    /// - Throws: ``BenchError`` that shows the three forms.
    package init(_ text: String) throws(BenchError) {
        var rest = Substring(text)
        name = text
        if let equals = text.firstIndex(of: "="), !text[..<equals].contains(":") {
            name = String(text[..<equals])
            rest = text[text.index(after: equals)...]
        }
        guard let colon = rest.firstIndex(of: ":"), let kind = Kind(rawValue: String(rest[..<colon])), !name.isEmpty
        else { throw Self.malformed(text) }
        self.kind = kind
        let place = rest[rest.index(after: colon)...]
        let isPath = kind == .agent || place.hasPrefix("unix:")
        guard let address = SocketAddress(isPath && kind == .agent ? "unix:\(place)" : String(place)) else {
            throw Self.malformed(text)
        }
        self.address = address
    }

    private static func malformed(_ text: String) -> BenchError {
        BenchError(
            "“\(text)” is not a target; write agent:/path/to/agent.sock, http:unix:/path/to/socket or "
                + "http:127.0.0.1:8080, with a name in front if you like: nginx=http:unix:/path")
    }
}

/// A stream socket's place: a path, or an IPv4 address and a port.
package enum SocketAddress: Sendable, Equatable, CustomStringConvertible {
    case unix(String)
    case ipv4(String, UInt16)

    /// Reads `unix:/path` or `host:port`; `localhost` is 127.0.0.1, other names are not looked up.
    package init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = text.dropFirst(5)
            guard !path.isEmpty, path.utf8.count < 108 else { return nil }
            self = .unix(String(path))
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        let host = text[..<colon] == "localhost" ? "127.0.0.1" : String(text[..<colon])
        guard SystemSocket.isIPv4(host) else { return nil }
        self = .ipv4(host, port)
    }

    package var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .ipv4(let host, let port): "\(host):\(port)"
        }
    }
}

/// Why a benchmark could not be run; the text names the cause and the cure.
package struct BenchError: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}
