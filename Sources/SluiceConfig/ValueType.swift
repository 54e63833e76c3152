/// How one kind of value is written in the file: its name in messages, how to read it, how to write it back.
struct ValueType<Value: Equatable & Sendable>: Sendable {
    /// As the reference names it: `duration`, `size`, `whole number`.
    let name: String
    /// The allowed range as text, where there is one: `1ms to 10m`.
    let range: String?
    let parse: @Sendable (Scalar) throws(Fault) -> Value
    let render: @Sendable (Value) -> Rendered
}

extension ValueType {
    /// A value out of an ordered range, with one message for everything outside.
    static func ranged(
        _ name: String, _ range: ClosedRange<Value>,
        parse: @escaping @Sendable (Scalar) throws(Fault) -> Value,
        write: @escaping @Sendable (Value) -> String,
        render: @escaping @Sendable (Value) -> Rendered
    ) -> ValueType where Value: Comparable {
        let bounds = "\(write(range.lowerBound)) to \(write(range.upperBound))"
        let check: @Sendable (Scalar) throws(Fault) -> Value = { scalar throws(Fault) in
            let value = try parse(scalar)
            guard range.contains(value) else {
                throw Fault("\(write(value)) is out of range", suggestion: "allowed: \(bounds)")
            }
            return value
        }
        return ValueType(name: name, range: bounds, parse: check, render: render)
    }
}

extension ValueType<Duration> {
    /// A span of time of whole milliseconds.
    static func duration(_ range: ClosedRange<Duration>) -> ValueType {
        .ranged(
            "duration", range, parse: DurationFormat.parse, write: DurationFormat.write,
            render: { .bare(DurationFormat.write($0)) })
    }
}

extension ValueType<Duration?> {
    /// A span of time of whole milliseconds, or `off`.
    static func durationOrOff(_ range: ClosedRange<Duration>) -> ValueType {
        let span = ValueType<Duration>.duration(range)
        return ValueType(
            name: "duration or off", range: span.range,
            parse: { scalar throws(Fault) in
                if scalar.text == "off" { return nil }
                guard scalar.text.utf8.contains(where: { (48...57).contains($0) }) else {
                    throw Fault("expected off or a duration such as 250ms, 5s or 2m, found \(scalar.kind)")
                }
                return try span.parse(scalar)
            },
            render: { $0.map(span.render) ?? .bare("off") })
    }
}

extension ValueType<Bool> {
    /// `true` or `false`; the other words that YAML readers take for them are refused, as readers disagree on those.
    static let flag = ValueType(
        name: "true or false", range: nil,
        parse: { scalar throws(Fault) in
            guard !scalar.isQuoted, scalar.text == "true" || scalar.text == "false" else {
                throw Fault("expected true or false, found \(scalar.kind)", suggestion: cure(scalar))
            }
            return scalar.text == "true"
        },
        render: { .flag($0) })

    private static func cure(_ scalar: Scalar) -> String? {
        switch scalar.text.lowercased() {
        case "true" where scalar.isQuoted, "false" where scalar.isQuoted: "remove the quotes"
        case "true", "yes", "on", "y": "write true"
        case "false", "no", "off", "n": "write false"
        default: nil
        }
    }
}

extension ValueType<Int> {
    /// A number of bytes.
    static func size(_ range: ClosedRange<Int>) -> ValueType {
        .ranged(
            "size", range, parse: SizeFormat.parse, write: SizeFormat.write, render: { .bare(SizeFormat.write($0)) })
    }

    /// A whole number, written in decimal digits without quotes.
    static func count(_ range: ClosedRange<Int>) -> ValueType {
        .ranged("whole number", range, parse: parseCount, write: { String($0) }, render: { .number($0) })
    }

    @Sendable private static func parseCount(_ scalar: Scalar) throws(Fault) -> Int {
        guard let value = Int(scalar.text), !scalar.text.hasPrefix("+") else {
            throw Fault("expected a whole number, found \(scalar.kind)")
        }
        guard !scalar.isQuoted else {
            throw Fault("expected a whole number, found \(scalar.kind)", suggestion: "remove the quotes")
        }
        // Some YAML readers take a leading zero for octal.
        guard scalar.text == String(value) else {
            throw Fault("\(scalar.text) has a leading zero", suggestion: "write \(value)")
        }
        return value
    }
}

extension ValueType where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
    /// One of a closed list of words.
    static var choice: ValueType {
        let words = Value.allCases.map(\.rawValue)
        return ValueType(
            name: "one of \(words.joined(separator: ", "))", range: nil,
            parse: { scalar throws(Fault) in
                guard let value = Value(rawValue: scalar.text) else {
                    throw Fault(
                        "\(quoted(scalar.text)) is not a known value",
                        suggestion: suggestion(for: scalar.text, among: words))
                }
                return value
            },
            render: { .bare($0.rawValue) })
    }
}

extension ValueType<String> {
    /// Text that a check accepts; the check returns what is wrong, or nil.
    static func text(
        _ name: String = "text", check: @escaping @Sendable (String) -> Fault? = { _ in nil }
    ) -> ValueType {
        ValueType(
            name: name, range: nil,
            parse: { scalar throws(Fault) in
                guard !scalar.isBareNumberOrBoolean else {
                    throw Fault("expected \(name), found \(scalar.kind)", suggestion: "quote it: \"\(scalar.text)\"")
                }
                if let fault = check(scalar.text) { throw fault }
                return scalar.text
            },
            render: { .text($0) })
    }

    /// A name that appears in paths, metric labels and logs: 1 to 64 of `A-Z a-z 0-9 . _ - /`, a letter or digit first.
    static let identifier = text("name") { text in
        let first = text.utf8.first.map { isLetterOrDigit($0) } ?? false
        let isName = text.utf8.allSatisfy { isLetterOrDigit($0) || [0x2D, 0x2E, 0x5F, 0x2F].contains($0) }
        guard first, isName, text.utf8.count <= 64 else {
            return Fault(
                "\(quoted(text)) is not a name",
                suggestion: "use 1 to 64 letters, digits, '.', '_', '-' and '/', starting with a letter or a digit")
        }
        return nil
    }

    /// An absolute path of at most 4,095 bytes.
    static let absolutePath = text("absolute path") { text in
        guard text.utf8.count <= 4095 else { return Fault("a path has at most 4,095 bytes") }
        return pathFault(text)
    }

    /// The path of a Unix socket; the kernel's `sun_path` holds 107 bytes and a final NUL.
    static let socketPath = text("absolute path") { text in
        guard text.utf8.count <= 107 else {
            return Fault("a socket path has at most 107 bytes, this one has \(text.utf8.count)")
        }
        return pathFault(text)
    }

    private static func pathFault(_ text: String) -> Fault? {
        guard text.hasPrefix("/") else {
            return Fault("expected an absolute path, found \(quoted(text))", suggestion: "start it with /")
        }
        return text.contains("\t") ? Fault("\(quoted(text)) has a tab in it", suggestion: "remove it") : nil
    }
}

/// True for ASCII letters and digits.
func isLetterOrDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: false
    }
}
