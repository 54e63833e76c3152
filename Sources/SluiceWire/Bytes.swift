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
    static func sequenceLength(in bytes: RawSpan, at offset: Int) -> Int {
        let (length, secondRange): (Int, ClosedRange<UInt8>)
        switch bytes.byte(offset) {
        case 0xC2...0xDF: (length, secondRange) = (2, 0x80...0xBF)
        case 0xE0: (length, secondRange) = (3, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE...0xEF: (length, secondRange) = (3, 0x80...0xBF)
        case 0xED: (length, secondRange) = (3, 0x80...0x9F)
        case 0xF0: (length, secondRange) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, secondRange) = (4, 0x80...0xBF)
        case 0xF4: (length, secondRange) = (4, 0x80...0x8F)
        default: return 0
        }
        guard offset + length <= bytes.byteCount, secondRange.contains(bytes.byte(offset + 1)) else { return 0 }
        for index in (offset + 2)..<max(offset + length, offset + 2) where bytes.byte(index) & 0xC0 != 0x80 { return 0 }
        return length
    }

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
