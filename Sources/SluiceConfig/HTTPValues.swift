extension ValueType<String> {
    /// The URL that API paths are appended to, kept without a slash at its end.
    static let baseURL = ValueType(
        name: "URL", range: nil,
        parse: { scalar throws(Fault) in
            if let fault = URLShape.fault(scalar, schemes: ["http", "https"], allowsPath: true) { throw fault }
            return String(scalar.text.reversed().drop { $0 == "/" }.reversed())
        },
        render: { .text($0) })

    /// The URL of a proxy.
    static let proxyURL = ValueType(
        name: "URL", range: nil,
        parse: { scalar throws(Fault) in
            if let fault = URLShape.fault(scalar, schemes: ["http", "https", "socks5", "socks5h"], allowsPath: false) {
                throw fault
            }
            return scalar.text
        },
        render: { .text($0) })

    /// A header's value: 1 to 1,024 bytes of printable ASCII, no blank at either end. The text is never shown.
    static let headerValue = text { text in
        let bytes = text.utf8
        guard (1...1024).contains(bytes.count), bytes.allSatisfy({ (0x20...0x7E).contains($0) }),
            bytes.first != 0x20, bytes.last != 0x20
        else {
            return Fault("not a header's value", suggestion: "use 1 to 1,024 printable ASCII characters")
        }
        return nil
    }
}

/// The rules for URLs, stricter than RFC 3986 needs: what this agent cannot use is refused instead of ignored.
enum URLShape {
    /// What is wrong with a URL, or nil. Never shows a URL with a user part, which may hold a password.
    static func fault(_ scalar: Scalar, schemes: [String], allowsPath: Bool) -> Fault? {
        let text = scalar.text
        guard let separator = text.range(of: "://"), schemes.contains(String(text[..<separator.lowerBound])) else {
            return Fault("expected a URL that starts with \(list(schemes)), found \(shown(text))")
        }
        guard text.utf8.count <= 2048, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return Fault("a URL has at most 2,048 printable ASCII characters and no blanks")
        }
        let rest = text[separator.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if authority.contains("@") {
            return Fault("a user or password in a URL is not supported", suggestion: "put keys under upstreams[].keys")
        }
        if let fault = authorityFault(authority) { return fault }
        return pathFault(rest.dropFirst(authority.count), allowsPath: allowsPath)
    }

    private static func authorityFault(_ authority: Substring) -> Fault? {
        var host = authority
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            host = authority[..<colon]
            let port = authority[authority.index(after: colon)...]
            guard port.allSatisfy({ $0.isNumber }), let number = Int(port), (1...65535).contains(number) else {
                return Fault("\(quoted(String(port))) is not a port", suggestion: "allowed: 1 to 65535")
            }
        }
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]") && host.count > 2
        let bytes = isBracketed ? host.dropFirst().dropLast() : host
        let extra: [UInt8] = isBracketed ? [0x3A, 0x2E] : [0x2D, 0x2E, 0x5F]
        guard !bytes.isEmpty, bytes.utf8.allSatisfy({ isLetterOrDigit($0) || extra.contains($0) }) else {
            return Fault("the URL has no valid host", suggestion: "write it as https://host/v1")
        }
        return nil
    }

    private static func pathFault(_ path: Substring, allowsPath: Bool) -> Fault? {
        if path.contains("?") || path.contains("#") {
            return Fault("a query or fragment in this URL is not supported", suggestion: "remove it")
        }
        guard allowsPath || path.isEmpty || path == "/" else {
            return Fault("a path in a proxy's URL has no meaning", suggestion: "remove it")
        }
        return path.contains("/../") || path.hasSuffix("/..") ? Fault("\"..\" in a URL is not supported") : nil
    }

    private static func list(_ schemes: [String]) -> String {
        let all = schemes.map { "\($0)://" }
        return all.dropLast().joined(separator: ", ") + " or " + (all.last ?? "")
    }

    private static func shown(_ text: String) -> String {
        text.contains("@") ? "(hidden: may hold a password)" : quoted(text)
    }
}

extension StringProtocol {
    /// The first place of a short text in a longer one; `Foundation` would be a large thing to import for it.
    fileprivate func range(of wanted: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(wanted) { return start..<index(start, offsetBy: wanted.count) }
            start = index(after: start)
        }
        return nil
    }
}

extension HeaderField {
    /// Headers that curl or the agent sets itself, and headers that carry credentials: those come from `keys`.
    private static let refused: Set<String> = [
        "authorization", "proxy-authorization", "host", "content-length", "content-type", "transfer-encoding",
        "connection", "expect", "te", "upgrade", "keep-alive", "trailer", "accept-encoding", "cookie", "api-key",
        "x-api-key", "openai-organization", "openai-project",
    ]

    /// Reads one entry of the map; nil after a problem.
    static func read(_ entry: DocumentNode.Entry, _ place: Place) -> HeaderField? {
        guard isToken(entry.key) else {
            place.report(entry.position, Fault("\(quoted(entry.key)) is not a header's name"))
            return nil
        }
        let place = place.child(entry.key)
        guard !refused.contains(entry.key.lowercased()) else {
            place.report(entry.position, Fault("this header is not for the file", suggestion: cure(entry.key)))
            return nil
        }
        guard let value = place.scalar(entry.value, .headerValue) else { return nil }
        return HeaderField(name: entry.key, value: value)
    }

    func rendered(_ effect: ReloadEffect) -> RenderedField {
        RenderedField(name: name, comment: "", effect: effect, value: .text(value))
    }

    private static func cure(_ name: String) -> String {
        switch name.lowercased() {
        case "authorization", "api-key", "x-api-key": "put the key under keys"
        case "openai-organization": "use organization"
        case "openai-project": "use project"
        default: "the agent sets it"
        }
    }

    /// A token of RFC 9110 §5.6.2, at most 64 bytes.
    private static func isToken(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { isLetterOrDigit($0) || "!#$%&'*+-.^_`|~".utf8.contains($0) }
    }
}
