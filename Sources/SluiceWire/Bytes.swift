extension RawSpan {
    /// The byte at `offset`, bounds-checked.
    @inline(__always)
    package func byte(_ offset: Int) -> UInt8 { unsafeLoad(fromByteOffset: offset, as: UInt8.self) }

    /// Whether the bytes of `range` are exactly those of `text`.
    @inline(__always)
    package func matches(_ range: Range<Int>, _ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard range.count == count else { return false }
        for index in 0..<count where byte(range.lowerBound + index) != text.utf8Start[index] { return false }
        return true
    }

    /// A copy of the bytes of `range`.
    package func copy(_ range: Range<Int>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            extracting(range).withUnsafeBytes { source in
                UnsafeMutableRawBufferPointer(buffer).copyMemory(from: source)
            }
            count = range.count
        }
    }

    /// The first offset at or after `start` whose byte a JSON string cannot take as plain ASCII text: a quote, a
    /// backslash, a control character or a byte of 0x80 and above. Eight bytes a step.
    ///
    /// The zero-in-word test (Warren, *Hacker's Delight*, 6-1) can err only above a true hit, so the lowest hit holds.
    func endOfPlainText(from start: Int) -> Int {
        var position = start
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while position &+ 8 <= byteCount {
            let word = unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self).littleEndian
            let quote = word ^ 0x2222_2222_2222_2222
            let slash = word ^ 0x5C5C_5C5C_5C5C_5C5C
            let hit =
                ((quote &- ones) & ~quote) | ((slash &- ones) & ~slash) | ((word &- 0x2020_2020_2020_2020) & ~word)
                | word
            let mask = hit & highs
            if mask != 0 { return position &+ (mask.trailingZeroBitCount >> 3) }
            position &+= 8
        }
        while position < byteCount {
            let byte = byte(position)
            if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
            position &+= 1
        }
        return position
    }
}

enum HexDigit {
    static func value(_ byte: UInt8) -> UInt16? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

/// Well-formed UTF-8 by the Unicode Standard, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
package enum UTF8Check {
    /// The length (2…4) of the well-formed multi-byte sequence at `offset`, or 0.
    @inline(__always)
    static func sequenceLength(in bytes: RawSpan, at offset: Int) -> Int {
        let lead = bytes.byte(offset)
        let left = bytes.byteCount - offset
        switch lead {
        case 0xC2...0xDF:
            return left >= 2 && isContinuation(bytes.byte(offset + 1)) ? 2 : 0
        case 0xE0...0xEF:
            guard left >= 3, isContinuation(bytes.byte(offset + 2)) else { return 0 }
            let second = bytes.byte(offset + 1)
            if lead == 0xE0, second < 0xA0 { return 0 }
            if lead == 0xED, second > 0x9F { return 0 }
            return isContinuation(second) ? 3 : 0
        case 0xF0...0xF4:
            guard left >= 4, isContinuation(bytes.byte(offset + 2)), isContinuation(bytes.byte(offset + 3)) else {
                return 0
            }
            let second = bytes.byte(offset + 1)
            if lead == 0xF0, second < 0x90 { return 0 }
            if lead == 0xF4, second > 0x8F { return 0 }
            return isContinuation(second) ? 4 : 0
        default: return 0
        }
    }

    @inline(__always)
    private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    /// Whether all of `bytes` is well-formed UTF-8.
    package static func isValid(_ bytes: RawSpan) -> Bool {
        var offset = 0
        while offset < bytes.byteCount {
            if bytes.byte(offset) < 0x80 {
                offset += 1
                continue
            }
            let length = sequenceLength(in: bytes, at: offset)
            if length == 0 { return false }
            offset += length
        }
        return true
    }
}
