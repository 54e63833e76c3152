/// Turns slices that ``JSONReader`` found into values.
package enum JSONText {
    /// The text of a string value; nil when it holds a lone surrogate, which no Swift string can carry.
    package static func string(_ value: JSONValue, in bytes: RawSpan) -> String? {
        precondition(value.kind == .string, "not a string: \(value.kind)")
        return string((value.start + 1)..<(value.end - 1), hasEscape: value.hasEscape, in: bytes)
    }

    /// The text between the quotes at `range`; nil when it holds a lone surrogate.
    package static func string(_ range: Range<Int>, hasEscape: Bool, in bytes: RawSpan) -> String? {
        if !hasEscape {
            return bytes.extracting(range).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        }
        var text: [UInt8] = []
        text.reserveCapacity(range.count)
        var offset = range.lowerBound
        while offset < range.upperBound {
            let byte = bytes.byte(offset)
            if byte != UInt8(ascii: "\\") {
                text.append(byte)
                offset += 1
            } else if !appendEscape(in: bytes, at: &offset, to: &text) {
                return nil
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Whether the text between the quotes at `range` is `text`, which must be ASCII; decodes without allocating, so
    /// that hostile keys cost no more than plain ones.
    package static func equals(_ range: Range<Int>, hasEscape: Bool, _ text: StaticString, in bytes: RawSpan) -> Bool {
        if !hasEscape { return bytes.matches(range, text) }
        var offset = range.lowerBound
        for index in 0..<text.utf8CodeUnitCount {
            guard offset < range.upperBound, plainByte(in: bytes, at: &offset) == text.utf8Start[index] else {
                return false
            }
        }
        return offset == range.upperBound
    }

    /// The byte that the character at `offset` stands for; nil when an escape stands for more than one byte.
    private static func plainByte(in bytes: RawSpan, at offset: inout Int) -> UInt8? {
        let byte = bytes.byte(offset)
        offset += 1
        guard byte == UInt8(ascii: "\\") else { return byte }
        let letter = bytes.byte(offset)
        offset += 1
        switch letter {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"):
            let unit = hexUnit(in: bytes, at: offset)
            offset += 4
            return unit < 0x80 ? UInt8(unit) : nil
        default: return letter
        }
    }

    /// An integer value without fraction or exponent; nil when it is anything else or overflows.
    package static func integer(_ value: JSONValue, in bytes: RawSpan) -> Int? {
        guard value.kind == .number else { return nil }
        var offset = value.start
        let negative = bytes.byte(offset) == UInt8(ascii: "-")
        if negative { offset += 1 }
        var total = 0
        while offset < value.end {
            let byte = bytes.byte(offset)
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            let (scaled, overflow) = total.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
            if overflow || carry { return nil }
            total = sum
            offset += 1
        }
        return negative ? -total : total
    }

    private static func appendEscape(in bytes: RawSpan, at offset: inout Int, to text: inout [UInt8]) -> Bool {
        let letter = bytes.byte(offset + 1)
        offset += 2
        switch letter {
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            guard let scalar = unicodeEscape(in: bytes, at: &offset) else { return false }
            text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default: text.append(letter)
        }
        return true
    }

    private static func unicodeEscape(in bytes: RawSpan, at offset: inout Int) -> Unicode.Scalar? {
        let high = hexUnit(in: bytes, at: offset)
        offset += 4
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard high < 0xDC00, offset + 6 <= bytes.byteCount, bytes.byte(offset) == UInt8(ascii: "\\"),
            bytes.byte(offset + 1) == UInt8(ascii: "u")
        else { return nil }
        let low = hexUnit(in: bytes, at: offset + 2)
        guard (0xDC00...0xDFFF).contains(low) else { return nil }
        offset += 6
        return Unicode.Scalar(0x10000 + (UInt32(high - 0xD800) << 10) + UInt32(low - 0xDC00))
    }

    private static func hexUnit(in bytes: RawSpan, at offset: Int) -> UInt16 {
        var unit: UInt16 = 0
        for index in 0..<4 { unit = unit << 4 | (HexDigit.value(bytes.byte(offset + index)) ?? 0) }
        return unit
    }
}

/// The members of one object inside a larger text, as found by ``JSONReader/members(in:into:)``.
package struct JSONObjectSlice: Sendable, Equatable {
    /// Members that are kept of one object. Each takes 48 bytes while its text may take 5, so without a bound a frame
    /// would grow tenfold in memory. No object of OpenAI's API comes near.
    package static let maxMembers = 1024

    package var range: Range<Int>
    /// The first ``maxMembers`` members, and one more when there were more.
    package var members: [JSONMember]

    /// Whether the object has more members than ``maxMembers``.
    package var isTruncated: Bool { members.count > Self.maxMembers }

    package init(range: Range<Int>, members: [JSONMember]) {
        self.range = range
        self.members = members
    }

    /// Reads one object that fills `bytes`; every byte is validated.
    package static func read(_ bytes: RawSpan) throws(JSONFault) -> JSONObjectSlice {
        var reader = JSONReader()
        var members: [JSONMember] = []
        members.reserveCapacity(16)
        let value = try reader.members(in: bytes, into: &members)
        try reader.finish(in: bytes)
        return JSONObjectSlice(range: value.range, members: members)
    }

    /// The members of the object value at `value`, which was validated before.
    package static func read(_ value: JSONValue, in bytes: RawSpan) -> JSONObjectSlice? {
        guard value.kind == .object else { return nil }
        var reader = JSONReader(at: value.start)
        var members: [JSONMember] = []
        guard (try? reader.members(in: bytes, into: &members)) != nil else { return nil }
        return JSONObjectSlice(range: value.range, members: members)
    }

    /// The value of `key`. Of duplicates the last one counts, as in OpenAI's own parser and most others.
    package func value(_ key: StaticString, in bytes: RawSpan) -> JSONValue? {
        for member in members.reversed() where Self.key(of: member, in: bytes, is: key) { return member.value }
        return nil
    }

    package static func key(of member: JSONMember, in bytes: RawSpan, is key: StaticString) -> Bool {
        JSONText.equals(member.keyStart..<member.keyEnd, hasEscape: member.keyHasEscape, key, in: bytes)
    }
}
