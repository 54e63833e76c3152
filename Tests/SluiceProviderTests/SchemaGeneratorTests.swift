import Testing

@testable import SluiceProvider

@Suite("Generated values fit their schema")
struct SchemaGeneratorTests {
    private func value(_ schema: String, seed: UInt64 = 1) throws -> JSONValue {
        var random = SplitMix64(seed: seed)
        return SchemaGenerator.value(for: try JSONParser.parse(Array(schema.utf8)), &random)
    }

    @Test("numbers keep their bounds", arguments: 0..<50 as Range<UInt64>)
    func numbers(seed: UInt64) throws {
        let integer = try value(#"{"type":"integer","exclusiveMinimum":2,"maximum":9,"multipleOf":3}"#, seed: seed)
        #expect([3, 6, 9].contains(integer))
        let number = try value(#"{"type":"number","minimum":0.2,"maximum":0.4}"#, seed: seed).doubleValue
        #expect((0.2...0.4).contains(try #require(number)))
        let below = try value(#"{"type":"integer","maximum":-7}"#, seed: seed).intValue
        #expect(try #require(below) <= -7)
    }

    @Test("strings keep length, format and pattern", arguments: 0..<50 as Range<UInt64>)
    func strings(seed: UInt64) throws {
        let sized = try value(#"{"type":"string","minLength":20,"maxLength":22}"#, seed: seed).stringValue
        #expect((20...22).contains(try #require(sized).unicodeScalars.count))
        let uuid = try value(#"{"type":"string","format":"uuid"}"#, seed: seed).stringValue
        let form = #/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}/#
        #expect(try #require(uuid).wholeMatch(of: form) != nil)
        let code = try value(#"{"type":"string","pattern":"^(AB|C[d-f]+)-\\d{2,4}(x?)\\.$"}"#, seed: seed).stringValue
        #expect(try #require(code).wholeMatch(of: #/(AB|C[d-f]+)-\d{2,4}x?\./#) != nil)
    }

    @Test("arrays keep their length and stay unique", arguments: 0..<20 as Range<UInt64>)
    func arrays(seed: UInt64) throws {
        let schema = #"{"type":"array","items":{"enum":[1,2,3,4]},"minItems":3,"maxItems":4,"uniqueItems":true}"#
        let elements = try #require(try value(schema, seed: seed).arrayValue)
        #expect((3...4).contains(elements.count))
        #expect(Set(elements.map(\.intValue)).count == elements.count)
        let tuple = try value(#"{"type":"array","prefixItems":[{"const":"a"},{"type":"null"}],"maxItems":2}"#)
        #expect(tuple == ["a", .null])
    }

    @Test("objects have what is required, references and branches are followed")
    func objects() throws {
        let schema = #"""
            {"type":"object","required":["a","b","c","d"],"properties":{"a":{"$ref":"#/$defs/x"},
             "b":{"anyOf":[{"const":1},{"const":2}]},"c":{"allOf":[{"$ref":"#/$defs/y"},{"required":["q"],
             "properties":{"q":{"const":3}}}]}},"$defs":{"x":{"const":"X"},"y":{"type":"object","required":["p"],
             "properties":{"p":{"const":4}}}}}
            """#
        let object = try #require(try value(schema).objectValue)
        #expect(object["a"] == "X")
        #expect([1, 2].contains(try #require(object["b"])))
        #expect(object["c"] == ["p": 4, "q": 3])
        #expect(object["d"]?.stringValue != nil)
    }

    @Test(
        "recursion ends",
        arguments: [
            ##"{"$ref":"#"}"##,
            ##"{"type":"object","required":["n"],"properties":{"n":{"anyOf":[{"$ref":"#"},{"type":"null"}]}}}"##,
            ##"{"type":"object","required":["n"],"properties":{"n":{"type":"array","items":{"$ref":"#"}}}}"##,
            ##"{"type":"array","minItems":1,"items":{"$ref":"#"}}"##, "true", #"{"type":["null"]}"#,
        ])
    func recursion(schema: String) throws {
        #expect(JSONWriter.bytes(try value(schema)).count < 200_000)
    }

    @Test(
        "hostile schemas cost a bounded amount",
        arguments: [
            ##"{"type":"array","minItems":1000,"items":{"$ref":"#"}}"##,
            #"{"type":"array","minItems":1000000000,"items":{"type":"string","minLength":60000}}"#,
            #"{"type":"array","minItems":1000000000,"items":{"const":"0123456789012345678901234567890123456789"}}"#,
            #"{"type":"array","minItems":5,"uniqueItems":true,"items":{"const":1}}"#,
            #"{"type":"string","pattern":"(((((a{256}){256}){256}){256}){256})"}"#,
            #"{"type":"string","pattern":"(((((((){256}){256}){256}){256}){256}){256})"}"#,
        ])
    func hostile(schema: String) throws {
        #expect(JSONWriter.bytes(try value(schema)).count < 10_000_000)
    }

    @Test("patterns beyond the generator are left alone", arguments: ["(?=a)", "\\1", "[", "a{9999999}", "(", "*"])
    func hardPatterns(pattern: String) {
        var random = SplitMix64(seed: 1)
        #expect(PatternGenerator.text(for: pattern, &random) == nil)
    }
}
