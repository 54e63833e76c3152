import SluiceOpenAI
import Testing

@Suite("Weight of tools and schemas")
struct ToolWeightTests {
    /// The tool of the cookbook's own example: a required text, and one of two units.
    private static let weather = #"""
        {"type":"function","function":{"name":"get_current_weather","description":"Get the current weather",
        "parameters":{"type":"object","properties":{"location":{"type":"string","description":"The city"},
        "unit":{"type":"string","description":"The unit","enum":["celsius","fahrenheit"]}},"required":["location"]}}}
        """#

    @Test("A function weighs by the cookbook's constants")
    func function() throws {
        let weight = try Body(#"{"tools":[\#(Self.weather)]}"#).weight()
        // 7 + 3 for the list + 2 properties of 3 − 3 + 2 values of 3 + 12.
        #expect(weight.fixedTokens == 31)
        let texts = [
            "get_current_weather:Get the current weather", "location:string:The city", "unit:string:The unit",
            "celsius", "fahrenheit",
        ]
        #expect(weight.textBytes == texts.map(\.utf8.count).reduce(0, +))
        #expect(!weight.hasHiddenInput)
    }

    @Test("The frame of the list is paid once, the function's for each")
    func several() throws {
        #expect(try Body(#"{"tools":[\#(Self.weather),\#(Self.weather)]}"#).weight().fixedTokens == 2 * 19 + 12)
        #expect(try Body(#"{"tools":[]}"#).weight().fixedTokens == 0)
    }

    @Test("The three places of a function's definition weigh alike")
    func places() throws {
        let inner =
            #"{"name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}"#
        let chat = try Body(#"{"tools":[{"type":"function","function":\#(inner)}]}"#).weight()
        let older = try Body(#"{"functions":[\#(inner)]}"#).weight()
        let flat = try Body(#"{"tools":[{"type":"function",\#(inner.dropFirst())]}"#).weight(.responses)
        #expect(chat == older && chat == flat)
        #expect(chat.fixedTokens == 7 + 3 + 3 + 12)
    }

    @Test("Properties of nested objects, of items and of alternatives count like the first level's")
    func nested() throws {
        let leaf = #"{"type":"object","properties":{"b":{"type":"string"}}}"#
        for inner in [
            #"{"type":"array","items":\#(leaf)}"#, #"{"anyOf":[\#(leaf)]}"#, leaf,
            #"{"additionalProperties":\#(leaf)}"#,
        ] {
            let parameters = #"{"type":"object","properties":{"a":\#(inner)}}"#
            let weight = try Body(#"{"tools":[{"name":"f","parameters":\#(parameters)}]}"#).weight(.responses)
            #expect(weight.fixedTokens == 7 + 2 * (3 + 3) + 12, "\(inner)")
        }
    }

    @Test("Constraints are not read by the model")
    func constraints() throws {
        let bare = #"{"tools":[{"name":"f","parameters":{"properties":{"a":{"type":"integer"}}}}]}"#
        let bound = bare.replacing(
            #""type":"integer""#, with: #""type":"integer","minimum":1,"maximum":100,"pattern":"^a","examples":["xyz"]"#
        )
        #expect(try Body(bare).weight(.responses) == Body(bound).weight(.responses))
    }

    @Test("A schema of the answer is text without its white space, in both places")
    func answers() throws {
        let schema = #"{"type": "object",  "properties": {"a b": {"type": "string"}}, "required": [ "a b" ]}"#
        let compact = #"{"type":"object","properties":{"a b":{"type":"string"}},"required":["a b"]}"#
        let chat =
            #"{"response_format":{"type":"json_schema","json_schema":{"name":"out","strict":0,"schema":\#(schema)}}}"#
        let flat = #"{"text":{"format":{"type":"json_schema","name":"out","schema":\#(schema)}}}"#
        #expect(try Body(chat).weight().textBytes == compact.utf8.count + 3)
        #expect(try Body(flat).weight(.responses).textBytes == compact.utf8.count + 3)
        #expect(try Body(#"{"response_format":{"type":"json_object"}}"#).weight() == RequestWeight())
    }
}
