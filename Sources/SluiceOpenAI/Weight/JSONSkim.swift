import SluiceWire

/// A string that was passed over: where it stands, and how long its text is.
struct SkimmedString {
    /// Between the quotes.
    var range: Range<Int>
    /// Bytes of UTF-8 once escapes are undone: what a tokenizer sees.
    var textBytes: Int

    /// Whether any escape occurs; without one the bytes are the text.
    var hasEscape: Bool { textBytes != range.count }
}

/// Goes over JSON that ``JSONReader`` accepted before: checks nothing again, so it is quick, and stops at the value's
/// end whatever it meets, so it is safe. Containers are entered one by one or skipped whole; nothing is kept.
struct JSONSkim {
    /// The next byte to look at.
    private(set) var position: Int
    private let end: Int

    /// - Parameter value: a value that was validated as part of the bytes that every method is given.
    init(_ value: JSONValue) {
        position = value.start
        end = value.end
    }

    /// What kind of value stands here; nil past the end.
    @inline(__always)
    func kind(in bytes: RawSpan) -> JSONKind? {
        guard position < end else { return nil }
        return switch bytes.octet(position) {
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "t"): .true
        case UInt8(ascii: "f"): .false
        case UInt8(ascii: "n"): .null
        default: .number
        }
    }

    /// Steps over the opening bracket of the container that stands here.
    mutating func enter() { position += 1 }

    /// The next key of the entered object, with the skim standing before its value; nil behind the closing brace.
    mutating func nextKey(in bytes: RawSpan) -> Range<Int>? {
        skipBetween(in: bytes)
        guard position < end, bytes.octet(position) == UInt8(ascii: "\"") else {
            position += 1
            return nil
        }
        let key = string(in: bytes)
        skipBetween(in: bytes)
        return key.range
    }

    /// Whether another element of the entered array stands here; false behind the closing bracket.
    mutating func nextElement(in bytes: RawSpan) -> Bool {
        skipBetween(in: bytes)
        guard position < end, bytes.octet(position) != UInt8(ascii: "]") else {
            position += 1
            return false
        }
        return true
    }

    /// Passes over the string that stands here.
    mutating func string(in bytes: RawSpan) -> SkimmedString {
        let start = position + 1
        var escapeSurplus = 0
        var at = bytes.quoteOrBackslash(from: start, to: end)
        while at < end, bytes.octet(at) == UInt8(ascii: "\\") {
            let width = bytes.escapeWidth(at)
            escapeSurplus += width.written - width.meant
            at = bytes.quoteOrBackslash(from: at + width.written, to: end)
        }
        position = at + 1
        return SkimmedString(range: start..<max(start, at), textBytes: max(0, at - start - escapeSurplus))
    }

    /// Passes over whatever value stands here and answers how many bytes it has without white space around its parts.
    @discardableResult
    mutating func skip(in bytes: RawSpan) -> Int {
        var depth = 0
        var compact = 0
        repeat {
            guard position < end else { return compact }
            switch bytes.octet(position) {
            case UInt8(ascii: "\""): compact += string(in: bytes).textBytes + 2
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                fallthrough
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                position += 1
                compact += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                position += 1
                compact += 1
            case 0...0x20: position += 1
            default: compact += scalar(in: bytes)
            }
        } while depth > 0
        return compact
    }

    /// Passes over a number or a literal and answers its length.
    private mutating func scalar(in bytes: RawSpan) -> Int {
        let start = position
        while position < end {
            switch bytes.octet(position) {
            case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), 0...0x20: return position - start
            default: position += 1
            }
        }
        return position - start
    }

    /// White space, commas and colons: validated text has them only where they belong.
    @inline(__always)
    private mutating func skipBetween(in bytes: RawSpan) {
        while position < end {
            switch bytes.octet(position) {
            case 0...0x20, UInt8(ascii: ","), UInt8(ascii: ":"): position += 1
            default: return
            }
        }
    }
}

extension RawSpan {
    /// The byte at `offset`, bounds-checked; a local twin of the one in SluiceWire, so that it is inlined here.
    @inline(__always)
    func octet(_ offset: Int) -> UInt8 { unsafeLoad(fromByteOffset: offset, as: UInt8.self) }

    /// The first quote or backslash in `start..<end`, or `end`; eight bytes a step by the zero-in-word test (Warren,
    /// *Hacker's Delight*, 6-1), which can err only above a true hit, so the lowest hit holds.
    func quoteOrBackslash(from start: Int, to end: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var at = start
        while at &+ 8 <= end {
            let word = unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian
            let quote = word ^ 0x2222_2222_2222_2222
            let slash = word ^ 0x5C5C_5C5C_5C5C_5C5C
            let hits = (((quote &- ones) & ~quote) | ((slash &- ones) & ~slash)) & highs
            if hits != 0 { return at &+ (hits.trailingZeroBitCount >> 3) }
            at &+= 8
        }
        while at < end {
            let byte = octet(at)
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return at }
            at &+= 1
        }
        return end
    }

    /// How many bytes the escape at `offset` is written with, and how many bytes of UTF-8 it stands for. Each half of
    /// a surrogate pair stands for two of the four.
    fileprivate func escapeWidth(_ offset: Int) -> (written: Int, meant: Int) {
        guard offset + 6 <= byteCount, octet(offset + 1) == UInt8(ascii: "u") else { return (2, 1) }
        let isLow = octet(offset + 2) == UInt8(ascii: "0")
        guard isLow else {
            let isSurrogate = octet(offset + 2) | 0x20 == UInt8(ascii: "d") && octet(offset + 3) >= UInt8(ascii: "8")
            return (6, isSurrogate ? 2 : 3)
        }
        // \u0000…\u007F take one byte, \u0080…\u07FF two, the rest of the block three.
        if octet(offset + 3) == UInt8(ascii: "0") { return (6, octet(offset + 4) < UInt8(ascii: "8") ? 1 : 2) }
        return (6, octet(offset + 3) < UInt8(ascii: "8") ? 2 : 3)
    }
}
