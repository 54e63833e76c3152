import SluiceWire

/// An image's size in pixels, both sides 1…``maxSide``.
struct ImageSize: Equatable, Sendable {
    var width: Int
    var height: Int

    /// Longer sides are not believed.
    static let maxSide = 1 << 20
    /// Where the size cannot be seen (a link, a file's id, an unknown format): 1024 × 1024, the first example of
    /// OpenAI's *Images and vision*, *Calculating costs*.
    static let assumed = ImageSize(width: 1024, height: 1024)
    /// Segments of a JPEG that are hopped over in search of its frame header.
    private static let maxSegments = 64
    /// Characters of a text with escapes that are looked at: enough for a JPEG's thumbnail.
    private static let maxEscaped = 65_536

    /// The size that the header of a `data:…;base64,…` URL tells; nil for any other URL or format.
    static func ofDataURL(_ url: SkimmedString, in bytes: RawSpan) -> ImageSize? {
        guard let comma = comma(of: url.range, in: bytes) else { return nil }
        let data = (comma + 1)..<url.range.upperBound
        guard url.hasEscape else { return size(Base64Text(data), in: bytes) }
        let plain = unescaped(data, in: bytes)
        return size(Base64Text(0..<plain.count), in: plain.span.bytes)
    }

    /// The comma before the data; the media type in front of it is short.
    private static func comma(of range: Range<Int>, in bytes: RawSpan) -> Int? {
        let start = range.lowerBound
        guard range.count > 5, bytes.matches(start..<(start + 5), "data:") else { return nil }
        return (start..<min(range.upperBound, start + 128)).first { bytes.octet($0) == UInt8(ascii: ",") }
    }

    /// The characters without escapes, as far as they are looked at: some writers escape every slash.
    private static func unescaped(_ range: Range<Int>, in bytes: RawSpan) -> [UInt8] {
        var text: [UInt8] = []
        var at = range.lowerBound
        while at < range.upperBound, text.count < maxEscaped {
            if bytes.octet(at) != UInt8(ascii: "\\") {
                text.append(bytes.octet(at))
                at += 1
            } else {
                if at + 1 < range.upperBound, bytes.octet(at + 1) == UInt8(ascii: "/") {
                    text.append(UInt8(ascii: "/"))
                }
                at += 2
            }
        }
        return text
    }

    private static func size(_ data: Base64Text, in bytes: RawSpan) -> ImageSize? {
        switch data.bigEndian(0, 4, in: bytes) {
        case 0x8950_4E47: checked(data.bigEndian(16, 4, in: bytes), data.bigEndian(20, 4, in: bytes))
        case 0x4749_4638: checked(data.littleEndian(6, 2, in: bytes), data.littleEndian(8, 2, in: bytes))
        case 0x5249_4646: webP(data, in: bytes)
        case let start? where start >> 8 == 0xFFD8FF: jpeg(data, in: bytes)
        default: nil
        }
    }

    /// The first frame header, SOF0…SOF15 (ITU-T T.81, B.2.2), found segment by segment.
    private static func jpeg(_ data: Base64Text, in bytes: RawSpan) -> ImageSize? {
        var at = 2
        for _ in 0..<maxSegments {
            guard let marker = data.bigEndian(at, 2, in: bytes), marker >> 8 == 0xFF,
                let length = data.bigEndian(at + 2, 2, in: bytes)
            else { return nil }
            // C4, C8 and CC are tables and an extension, not frames.
            if case 0xFFC0...0xFFCF = marker, marker != 0xFFC4, marker != 0xFFC8, marker != 0xFFCC {
                return checked(data.bigEndian(at + 7, 2, in: bytes), data.bigEndian(at + 5, 2, in: bytes))
            }
            at += 2 + length
        }
        return nil
    }

    /// The three kinds of first chunk (RFC 9649, section 2).
    private static func webP(_ data: Base64Text, in bytes: RawSpan) -> ImageSize? {
        guard data.bigEndian(8, 4, in: bytes) == 0x5745_4250 else { return nil }
        switch data.bigEndian(12, 4, in: bytes) {
        case 0x5650_3820:
            let width = data.littleEndian(26, 2, in: bytes).map { $0 & 0x3FFF }
            return checked(width, data.littleEndian(28, 2, in: bytes).map { $0 & 0x3FFF })
        case 0x5650_384C:
            let packed = data.littleEndian(21, 4, in: bytes)
            return checked(packed.map { $0 & 0x3FFF + 1 }, packed.map { $0 >> 14 & 0x3FFF + 1 })
        case 0x5650_3858:
            return checked(
                data.littleEndian(24, 3, in: bytes).map { $0 + 1 }, data.littleEndian(27, 3, in: bytes).map { $0 + 1 })
        default: return nil
        }
    }

    private static func checked(_ width: Int?, _ height: Int?) -> ImageSize? {
        guard let width, let height, (1...maxSide).contains(width), (1...maxSide).contains(height) else { return nil }
        return ImageSize(width: width, height: height)
    }
}
