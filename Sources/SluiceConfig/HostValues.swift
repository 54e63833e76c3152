/// A TCP address on this machine's loopback interface.
package struct LoopbackAddress: Equatable, Sendable {
    /// `127.x.y.z` or `::1`.
    package let host: String
    /// 1…65535.
    package let port: Int
}

extension ValueType<LoopbackAddress?> {
    /// `off`, or an IPv4 or IPv6 loopback address with a port.
    static let loopbackAddress = ValueType(
        name: "loopback address with port, or off", range: nil,
        parse: { scalar throws(Fault) in
            if scalar.text == "off" { return nil }
            guard let (host, port) = hostAndPort(scalar.text) else {
                throw Fault(
                    "expected off or a loopback address with a port, found \(quoted(scalar.text))",
                    suggestion: "write it as 127.0.0.1:9464 or [::1]:9464")
            }
            guard isLoopback(host) else {
                throw Fault(
                    "\(quoted(host)) is not a loopback address; metrics are not for the network",
                    suggestion: "use 127.0.0.1:\(port) or [::1]:\(port)")
            }
            return LoopbackAddress(host: host, port: port)
        },
        render: { address in
            guard let address else { return .bare("off") }
            return .text(address.host == "::1" ? "[::1]:\(address.port)" : "\(address.host):\(address.port)")
        })

    private static func hostAndPort(_ text: String) -> (String, Int)? {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = Int(digits), (1...65535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return host.isEmpty ? nil : (String(host), port)
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "127" else { return false }
        return parts.allSatisfy { part in
            part.allSatisfy { $0.isASCII && $0.isNumber } && (UInt8(part).map { String($0) == part } ?? false)
        }
    }
}

extension ValueType<Int> {
    /// Permission bits as quoted octal text. Without the quotes YAML readers disagree on whether 0660 is 660 or 432,
    /// so that form is refused.
    static let fileMode = ValueType(
        name: "quoted octal mode", range: "\"0000\" to \"0777\"",
        parse: { scalar throws(Fault) in
            let digits = scalar.text.utf8
            guard (3...4).contains(digits.count), digits.allSatisfy({ (48...55).contains($0) }),
                let mode = Int(scalar.text, radix: 8), mode <= 0o777
            else {
                throw Fault("expected a mode such as \"0660\", found \(scalar.kind)")
            }
            guard scalar.isQuoted else {
                throw Fault("an unquoted mode is ambiguous", suggestion: "quote it: \"\(scalar.text)\"")
            }
            return mode
        },
        render: { mode in
            let digits = String(mode, radix: 8)
            return .text(String(repeating: "0", count: max(0, 4 - digits.count)) + digits)
        })
}

extension ValueType<String> {
    /// A group's name or its number.
    static let groupName = ValueType(
        name: "group", range: nil,
        parse: { scalar throws(Fault) in
            let isName = scalar.text.utf8.allSatisfy { isLetterOrDigit($0) || [0x2D, 0x2E, 0x5F].contains($0) }
            guard isName, (1...32).contains(scalar.text.utf8.count), !scalar.text.hasPrefix("-") else {
                throw Fault("\(quoted(scalar.text)) is not a group", suggestion: "use a group's name or number")
            }
            return scalar.text
        },
        render: { .text($0) })
}
