import SluiceWire
import Testing

@Suite("JSON reader")
struct JSONReaderTests {
    static let valid = [
        "{}", "[]", " [ ] ", "{\"a\":1}", "[1,2,[3,{\"x\":[]}],{}]", "\"\"", "\"\\ud800\"", "1e400", "-0.0E-7",
        "12345678901234567890123456789", "true", "false", "null", "\"é€𝄞\"", "{\"a\":{\"a\":{}},\"a\":[[]]}",
        "[[],[],{\"k\":\"\\u00e9\\\"\"}]",
    ]
    static let syntax = [
        "", " ", "{", "}", "[", "]", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "01", "1.",
        ".5", "+1", "1e", "1e+", "--1", "tru", "truex", "nul", "\"", "\"\\x\"", "\"\\u12g4\"", "\"\\", "\"\u{1}\"",
        "[1 2]", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "[1]]", "{}{}", "NaN", "Infinity", "'a'", "[}", "{]", "[1}",
    ]

    @Test("accepts every valid text whole", arguments: valid)
    func accepts(_ text: String) throws {
        let bytes = Array(text.utf8)
        let value = try JSONReader.check(bytes)
        #expect(value.end <= bytes.count)
    }

    @Test("refuses every broken text", arguments: syntax)
    func refuses(_ text: String) {
        #expect(fault(Array(text.utf8))?.kind == .syntax)
    }

    @Test(
        "tells bad UTF-8 from bad grammar",
        arguments: [
            [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22],
            [0x22, 0xE2, 0x82, 0x22], [0x22, 0x80, 0x22], [0x22, 0xFF, 0x22], [0x22, 0xF0, 0x8F, 0xBF, 0xBF, 0x22],
            [0x22, 0xE2, 0x82],
        ] as [[UInt8]])
    func utf8(_ bytes: [UInt8]) {
        #expect(fault(bytes)?.kind == .utf8)
    }

    @Test("bounds nesting at exactly 128 levels")
    func depth() {
        func nested(_ levels: Int) -> [UInt8] {
            Array(String(repeating: "[", count: levels).utf8) + Array(String(repeating: "]", count: levels).utf8)
        }
        #expect(fault(nested(128)) == nil)
        #expect(fault(nested(129))?.kind == .depth)
        #expect(fault(nested(100_000))?.kind == .depth)
    }

    @Test("every cut of a valid text is refused")
    func cuts() {
        let bytes = Array("{\"a\":[1,2.5e3,\"x\\u00e9é\"],\"b\":{\"c\":null,\"d\":[true,false]}}".utf8)
        for end in 0..<bytes.count { #expect(fault(Array(bytes[..<end])) != nil, "cut at \(end)") }
    }

    @Test("plain text ends at the right byte for every length and position")
    func plainText() throws {
        for length in 0..<40 {
            for position in 0...length {
                for odd in ["\\n", "\"", "é"] {
                    let text = String(repeating: "a", count: position) + odd + String(repeating: "b", count: length)
                    let bytes = Array("\"\(text)\"".utf8)
                    if odd == "\"" {
                        #expect(fault(bytes)?.kind == .syntax)
                    } else {
                        #expect(try JSONReader.check(bytes).end == bytes.count)
                    }
                }
            }
        }
    }

    @Test("finds members and takes the last of duplicates")
    func members() throws {
        let bytes = Array(#"{"model":"a","n":1,"model":"b","st\u0072eam":true}"#.utf8)
        let slice = try JSONObjectSlice.read(bytes.span.bytes)
        let model = try #require(slice.value("model", of: bytes))
        #expect(JSONText.string(model, of: bytes) == "b")
        #expect(slice.value("stream", of: bytes)?.kind == .true)
        #expect(slice.members.count == 4)
    }

    @Test(
        "decodes escapes and refuses half a surrogate pair",
        arguments: [
            (#""\ud834\udd1e""#, "𝄞"), (#""\u00e9\/\b\f\n\r\t\\\"""#, "é/\u{8}\u{c}\n\r\t\\\""), (#""\ud834""#, nil),
            (#""\udd1e""#, nil), (#""\ud834x""#, nil), (#""\ud834\u0041""#, nil),
        ] as [(String, String?)])
    func escapes(_ text: String, _ expected: String?) throws {
        let bytes = Array(text.utf8)
        let value = try JSONReader.check(bytes)
        #expect(JSONText.string(value, of: bytes) == expected)
    }

    private func fault(_ bytes: [UInt8]) -> JSONFault? {
        do {
            _ = try JSONReader.check(bytes)
            return nil
        } catch { return error }
    }
}
