/// A second JSON validator, written after RFC 8259's grammar alone and as plainly as possible: recursive, with
/// UTF-8 checked by decoding scalars. It shares nothing with the reader it judges.
struct ReferenceJSON {
    private let text: [UInt8]
    private var at = 0
    private var levels = 0

    /// Whether `text` is one JSON value of at most 128 levels in UTF-8.
    static func accepts(_ text: [UInt8]) -> Bool {
        var reader = ReferenceJSON(text: text)
        return reader.value() && reader.at == text.count
    }

    private init(text: [UInt8]) { self.text = text }

    private mutating func value() -> Bool {
        space()
        defer { space() }
        if take("{") { return nested { $0.object() } }
        if take("[") { return nested { $0.array() } }
        if take("\"") { return string() }
        return take("true") || take("false") || take("null") || number()
    }

    private mutating func nested(_ body: (inout ReferenceJSON) -> Bool) -> Bool {
        levels += 1
        defer { levels -= 1 }
        return levels <= 128 && body(&self)
    }

    private mutating func object() -> Bool {
        space()
        if take("}") { return true }
        repeat {
            space()
            guard take("\""), string() else { return false }
            space()
            guard take(":"), value() else { return false }
        } while take(",")
        return take("}")
    }

    private mutating func array() -> Bool {
        space()
        if take("]") { return true }
        repeat { guard value() else { return false } } while take(",")
        return take("]")
    }

    private mutating func string() -> Bool {
        while at < text.count {
            if take("\"") { return true }
            if take("\\") {
                guard escape() else { return false }
            } else if text[at] < 0x20 || !scalar() {
                return false
            }
        }
        return false
    }

    private mutating func escape() -> Bool {
        if take("u") {
            for _ in 0..<4 {
                guard at < text.count, Character(Unicode.Scalar(text[at])).isHexDigit else { return false }
                at += 1
            }
            return true
        }
        return ["\"", "\\", "/", "b", "f", "n", "r", "t"].contains { take($0) }
    }

    /// One scalar by its definition: enough continuation bytes, shortest form, in range, no surrogate.
    private mutating func scalar() -> Bool {
        let lead = text[at]
        if lead < 0x80 {
            at += 1
            return true
        }
        let length = (~lead).leadingZeroBitCount
        guard (2...4).contains(length), at + length <= text.count else { return false }
        var point = UInt32(lead) & (0xFF >> UInt32(length + 1))
        for byte in text[(at + 1)..<(at + length)] {
            guard byte >> 6 == 0b10 else { return false }
            point = point << 6 | UInt32(byte & 0x3F)
        }
        at += length
        return Unicode.Scalar(point) != nil && point >= [0x80, 0x800, 0x10000][length - 2]
    }

    private mutating func number() -> Bool {
        _ = take("-")
        if !take("0") {
            guard digits() else { return false }
        }
        if take("."), !digits() { return false }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            return digits()
        }
        return true
    }

    private mutating func digits() -> Bool {
        let start = at
        while at < text.count, text[at] >= 0x30, text[at] <= 0x39 { at += 1 }
        return at > start
    }

    private mutating func space() {
        while at < text.count, [0x20, 0x0A, 0x0D, 0x09].contains(text[at]) { at += 1 }
    }

    private mutating func take(_ token: StaticString) -> Bool {
        let count = token.utf8CodeUnitCount
        guard at + count <= text.count else { return false }
        for index in 0..<count where text[at + index] != token.utf8Start[index] { return false }
        at += count
        return true
    }
}
