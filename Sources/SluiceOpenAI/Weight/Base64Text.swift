import SluiceWire

/// Base64 text (RFC 4648) of which single bytes are decoded where they stand, so that a header deep inside an image
/// is found without decoding what lies before it.
struct Base64Text {
    /// The first character.
    private let start: Int
    private let end: Int

    init(_ range: Range<Int>) {
        start = range.lowerBound
        end = range.upperBound
    }

    /// Bytes that the text stands for, padding counted as data: at most 2 too many.
    var byteCount: Int { (end - start) / 4 * 3 }

    /// The byte at `index` of what was encoded; nil past the end or where the text is not base64.
    func byte(_ index: Int, in bytes: RawSpan) -> UInt8? {
        let (group, place) = index.quotientAndRemainder(dividingBy: 3)
        let at = start + group * 4 + place
        guard index >= 0, at + 1 < end, let high = Self.value(bytes.octet(at)),
            let low = Self.value(bytes.octet(at + 1))
        else { return nil }
        return switch place {
        case 0: high << 2 | low >> 4
        case 1: high << 4 | low >> 2
        default: high << 6 | low
        }
    }

    /// `count` bytes (1…4) from `index` as one number, most significant first.
    func bigEndian(_ index: Int, _ count: Int, in bytes: RawSpan) -> Int? {
        var total = 0
        for offset in 0..<count {
            guard let byte = byte(index + offset, in: bytes) else { return nil }
            total = total << 8 | Int(byte)
        }
        return total
    }

    /// `count` bytes (1…4) from `index` as one number, least significant first.
    func littleEndian(_ index: Int, _ count: Int, in bytes: RawSpan) -> Int? {
        var total = 0
        for offset in (0..<count).reversed() {
            guard let byte = byte(index + offset, in: bytes) else { return nil }
            total = total << 8 | Int(byte)
        }
        return total
    }

    private static func value(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
