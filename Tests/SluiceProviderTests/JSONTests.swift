import Testing

@testable import SluiceProvider

@Suite("JSON of the stand-in")
struct JSONTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

    @Test(
        "writes what it read",
        arguments: [
            "null", "true", "[]", "{}", #"{"b":1,"a":[1,-2,0.5,"x",null,{"c":false}]}"#, #""\"\\\n\u0001é水""#,
            "1e-05", "9223372036854775807", #"{"a":1,"a":2}"#,
        ])
    func roundTrip(text: String) throws {
        #expect(JSONWriter.text(try parse(text)) == text)
    }

    @Test("reads escapes, surrogate pairs and lone surrogates")
    func escapes() throws {
        #expect(try parse(#""\u0041\/\b\f\r\t\ud83d\udeb0""#) == "A/\u{8}\u{c}\r\t🚰")
        #expect(try parse(#""\ud83dx\udeb0\ud83d\u0041""#) == "\u{FFFD}x\u{FFFD}\u{FFFD}A")
    }

    @Test("reads numbers of any size")
    func numbers() throws {
        #expect(try parse("12345678901234567890").doubleValue == 12_345_678_901_234_567_168)
        #expect(try parse("1e400").doubleValue == .infinity)
        #expect(try parse("3.0").intValue == 3)
        #expect(try parse("3.5").intValue == nil)
    }

    @Test(
        "refuses what is not JSON",
        arguments: [
            "", " ", "nul", "tru", "01", "1.", ".5", "+1", "1e", "-", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}", "{a:1}",
            "{\"a\":1,}", "\"", "\"\\x\"", "\"\\u12g4\"", "\"\\u12\"", "\"\u{1}\"", "[", "{", "1 2", "'a'", "NaN",
        ])
    func refusal(text: String) {
        #expect(throws: JSONError.self) { try parse(text) }
    }

    @Test("refuses bytes that are not UTF-8, and deep nesting")
    func limits() throws {
        #expect(throws: JSONError.self) { try JSONParser.parse([0x22, 0xC3, 0x22]) }
        #expect(throws: JSONError.self) { try JSONParser.parse([0x22, 0x5C, 0x6E, 0xFF, 0x22]) }
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(throws: JSONError.self) { try parse(nested(100_000)) }
        #expect(try parse(nested(JSONParser.maxDepth)).arrayValue?.count == 1)
    }

    @Test(
        "encodes base 64",
        arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")])
    func base64(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
    }

    @Test("writes events")
    func events() {
        #expect(String(decoding: SSEWriter.event(["a": "x\ny"]), as: UTF8.self) == "data: {\"a\":\"x\\ny\"}\n\n")
        let named = String(decoding: SSEWriter.event([:], name: "error"), as: UTF8.self)
        #expect(named == "event: error\ndata: {}\n\n")
    }
}
