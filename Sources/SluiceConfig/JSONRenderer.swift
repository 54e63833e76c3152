/// Text as a JSON string (RFC 8259), which is also a valid double-quoted YAML scalar for everything a configuration
/// may hold.
enum JSONText {
    static func quote(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20:
                let code = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - code.count) + code
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

extension Configuration {
    /// The configuration as a JSON object, with the names and the notation of the file; settings that are not set are
    /// left out. Ends with a line feed.
    package func json() -> String {
        JSONRenderer.write(.fields(renderedFields), indent: 0) + "\n"
    }
}

private enum JSONRenderer {
    static func write(_ value: Rendered, indent: Int) -> String {
        switch value {
        case .absent: "null"
        case .number(let number): String(number)
        case .flag(let flag): String(flag)
        case .bare(let text), .text(let text): JSONText.quote(text)
        case .list(let items): block("[", items.map { write($0, indent: indent + 1) }, "]", indent)
        case .fields(let fields): block("{", fields.compactMap { member($0, indent: indent + 1) }, "}", indent)
        }
    }

    private static func member(_ field: RenderedField, indent: Int) -> String? {
        guard field.value != .absent else { return nil }
        return "\(JSONText.quote(field.name)): \(write(field.value, indent: indent))"
    }

    private static func block(_ open: String, _ items: [String], _ close: String, _ indent: Int) -> String {
        guard !items.isEmpty else { return open + close }
        let margin = String(repeating: "  ", count: indent)
        return "\(open)\n" + items.map { "\(margin)  \($0)" }.joined(separator: ",\n") + "\n\(margin)\(close)"
    }
}
