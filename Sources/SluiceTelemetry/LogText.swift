import Logging

/// Makes text from outside harmless and short before it is written to any log.
enum LogText {
    /// Bytes of UTF-8 of one metadata value, escapes included.
    static let valueBound = 256
    /// Bytes of UTF-8 of a message.
    static let messageBound = 8192
    /// Items of metadata of one record; further ones are left out.
    static let fieldBound = 32

    /// The text with every character escaped that could end a line, move a terminal's cursor or reverse the direction
    /// of reading, and cut at `bound` bytes with `…` at the end.
    static func clean(_ text: String, bound: Int, keepsLineFeeds: Bool = false) -> String {
        var result = ""
        var length = 0
        for scalar in text.unicodeScalars {
            let piece = needsEscape(scalar) && !(keepsLineFeeds && scalar == "\n") ? escape(scalar) : String(scalar)
            guard length + piece.utf8.count <= bound - 3 else { return result + "…" }
            result += piece
            length += piece.utf8.count
        }
        return result
    }

    /// One metadata value as text; containers are written like Swift literals, at most four levels deep.
    static func clean(_ value: Logger.MetadataValue) -> String {
        clean(flatten(value, depth: 0), bound: valueBound)
    }

    private static func flatten(_ value: Logger.MetadataValue, depth: Int) -> String {
        switch value {
        case .string(let text): return text
        case .stringConvertible(let value): return value.description
        case .array, .dictionary: break
        }
        guard depth < 4 else { return "…" }
        switch value {
        case .array(let items):
            return "[" + items.prefix(16).map { flatten($0, depth: depth + 1) }.joined(separator: ", ") + "]"
        case .dictionary(let items):
            let pairs = items.sorted { $0.key < $1.key }.prefix(16)
            return "[" + pairs.map { "\($0.key): \(flatten($0.value, depth: depth + 1))" }.joined(separator: ", ") + "]"
        case .string, .stringConvertible: return ""
        }
    }

    private static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x7E: false
        case 0..<0x20, 0x7F...0x9F: true
        default:
            switch scalar.properties.generalCategory {
            case .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse: true
            default: false
            }
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{\(String(scalar.value, radix: 16))}"
        }
    }
}
