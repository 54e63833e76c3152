import SluiceOpenAI
import Testing

@Suite("Weight of images")
struct ImageWeightTests {
    /// The header of a PNG of this size, as the data of a URL.
    private static func png(_ width: Int, _ height: Int) -> String {
        var bytes: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]
        for side in [width, height] { bytes += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: side >> $0) } }
        return "data:image/png;base64," + base64(bytes + [UInt8](repeating: 7, count: 300))
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 { text.append(place <= group.count ? alphabet[word >> (18 - 6 * place) & 63] : "=") }
        }
        return text
    }

    private func tokens(_ url: String, _ detail: String? = nil, model: String? = "gpt-4o") throws -> Int {
        let detail = detail.map { #","detail":"\#($0)""# } ?? ""
        let body = try Body(
            #"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"\#(url)"\#(detail)}}]}]}"#)
        let weight = body.weight(model: model)
        #expect(weight.textBytes == 0 && weight.inputImages == 1)
        return weight.fixedTokens - 7
    }

    /// The first six are the examples of OpenAI's page.
    @Test(
        "Sizes and models by OpenAI's rules",
        arguments: [
            (1024, 1024, "high", "gpt-4o", 765), (2048, 4096, "high", "gpt-4o", 1105),
            (4096, 8192, "low", "gpt-4o", 85),
            (1024, 1024, nil, "gpt-4.1-mini", 1659), (1800, 2400, nil, "gpt-4.1-mini", 2353),
            (1024, 1024, "high", "gpt-4o-mini", 25501),
            (512, 512, "high", "gpt-4o", 255), (1, 1, nil, "gpt-4o", 255), (512, 513, "high", "gpt-4o", 425),
            (1024, 1024, "high", "o1", 675), (1024, 1024, "low", "o3-2025-04-16", 75), (1024, 1024, nil, "gpt-5", 630),
            (1024, 1024, nil, "gpt-4.1-nano", 2520), (1024, 1024, "low", "o4-mini", 1762),
            (1024, 1024, nil, "ft:gpt-4.1-mini-2025-04-14:org::id", 1659), (64, 64, nil, "gpt-5-nano", 10),
            (4096, 4096, "high", "gpt-5.4", 3000), (512, 512, "low", "gpt-5.4", 308),
            (4000, 4000, nil, "gpt-5.5", 12000), (1024, 1024, nil, "our-own", 765), (1024, 1024, nil, nil, 765),
            (1_000_000, 1, nil, "gpt-5.6", 36000), (1_048_576, 1_048_576, nil, "gpt-6-sol", 35915),
        ] as [(Int, Int, String?, String?, Int)])
    func rules(_ width: Int, _ height: Int, _ detail: String?, _ model: String?, _ expected: Int) throws {
        #expect(try tokens(Self.png(width, height), detail, model: model) == expected)
    }

    @Test("JPEG, GIF and WebP tell their size as well; 600 × 300 is two tiles, which nothing else here is")
    func formats() throws {
        let size: [UInt8] = [0x01, 0x2C, 0x02, 0x58]
        let exif: [UInt8] = [0xFF, 0xE1, 0x20, 0x00] + [UInt8](repeating: 0x55, count: 0x1FFE)
        let frame: [UInt8] = [0xFF, 0xC4, 0, 4, 1, 2, 0xFF, 0xC2, 0, 17, 8] + size + [3, 0, 0, 0]
        let webP = Array("RIFFxxxxWEBP".utf8)
        let pictures: [[UInt8]] = [
            [0xFF, 0xD8] + exif + frame,
            Array("GIF89a".utf8) + [0x58, 0x02, 0x2C, 0x01, 0, 0, 0],
            webP + Array("VP8 ".utf8) + [UInt8](repeating: 0, count: 10) + [0x58, 0x02, 0x2C, 0x01, 0],
            webP + Array("VP8L".utf8) + [0, 0, 0, 0, 0x2F, 0x57, 0xC2, 0x4A, 0, 0],
            webP + Array("VP8X".utf8) + [UInt8](repeating: 0, count: 8) + [0x57, 0x02, 0, 0x2B, 0x01, 0, 0],
        ]
        for picture in pictures {
            let url = "data:image/x;base64," + Self.base64(picture)
            #expect(try tokens(url, "high") == 425, "\(picture.prefix(16))")
            #expect(try tokens(url.replacing("/", with: #"\/"#), "high") == 425, "escaped \(picture.prefix(16))")
        }
    }

    @Test(
        "An image whose size cannot be seen counts as 1024 × 1024",
        arguments: [
            "https://example.com/cat.png", "data:image/png;base64,", "data:image/png;base64,iVBORw0KGgo", "data:,", "",
            "data:image/bmp;base64,Qk1GAAAA", "data:image/jpeg;base64,/9j/", "data:image/png;base64,iVBORw0KGgo????",
            "data:image/webp;base64,UklGRgAAAABXRUJQVlA5IAAA",
        ])
    func unseen(_ url: String) throws {
        #expect(try tokens(url) == 765)
        #expect(try tokens(url, "low") == 85)
    }

    @Test("A lying header reserves nothing absurd")
    func lies() throws {
        #expect(try tokens(Self.png(0, 0)) == 765)
        #expect(try tokens(Self.png(Int(Int32.max), Int(Int32.max)), model: "gpt-6-sol") == 1229)
    }

    @Test("Images of responses: a URL beside its detail, or a file's id")
    func responses() throws {
        let parts = [
            #"{"type":"input_image","image_url":"https://example.com/a","detail":"low"}"#,
            #"{"detail":"low","image_url":"https://example.com/a","type":"input_image"}"#,
            #"{"type":"input_image","file_id":"file-1","detail":"low"}"#,
        ]
        for part in parts {
            let weight = try Body(#"{"input":[{"role":"user","content":[\#(part)]}]}"#).weight(.responses)
            #expect(weight.fixedTokens == 7 + 85 && weight.inputImages == 1 && weight.textBytes == 0, "\(part)")
        }
    }

    @Test(
        "The most that models write",
        arguments: [
            ("gpt-4o", 16_384), ("gpt-4o-2024-05-13", 4_096), ("gpt-4o-2024-08-06", 16_384),
            ("ft:gpt-4o-mini-2024-07-18:org::id", 16_384), ("openai/gpt-4.1", 32_768), ("o3-2025-04-16", 100_000),
            ("gpt-5-pro", 272_000), ("gpt-5.4-nano", 128_000), ("gpt-4", 8_192), ("gpt-4o-future", nil), ("", nil),
            ("llama", nil), ("gpt-4o-2024-0x-06", nil),
        ] as [(String, Int?)])
    func limits(_ model: String, _ tokens: Int?) {
        #expect(ModelLimits.maxOutput(model: model) == tokens)
    }
}
