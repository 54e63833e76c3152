import SluiceOpenAI
import SluiceWire
import Testing

@Suite("Request view")
struct RequestViewTests {
    @Test(
        "reads the model",
        arguments: [
            (#"{"model":"gpt-4o"}"#, "gpt-4o"), (#"{"model":"a","model":"b"}"#, "b"), (#"{"mod\u0065l":"x"}"#, "x"),
            (#"{"model":"a","mo\u0064el":"b"}"#, "b"), (#"{"model":"\u0067pt"}"#, "gpt"), (#"{"model":"é"}"#, "é"),
            (#"{"x":{"model":"in"},"model":"out"}"#, "out"),
        ])
    func model(_ text: String, _ model: String) throws {
        #expect(try Body(text).view().model == model)
    }

    @Test(
        "names a bad model field",
        arguments: [
            "{}", #"{"model":null}"#, #"{"model":7}"#, #"{"model":""}"#, #"{"model":[]}"#, #"{"model":"\ud800"}"#,
            #"{"model":"ok","model":null}"#, #"{"\ud800model":"x"}"#, #"{"Model":"x"}"#,
        ])
    func badModel(_ text: String) throws {
        let body = try Body(text)
        let error = #expect(throws: WireError.self) { try body.view() }
        #expect(error?.code == .callerInvalidField)
        #expect(error?.field == "body.model")
    }

    @Test("model names take 1 to 256 bytes")
    func modelBound() throws {
        let longest = String(repeating: "m", count: 256)
        #expect(try Body(#"{"model":"\#(longest)"}"#).view().model == longest)
        let body = try Body(#"{"model":"\#(longest)m"}"#)
        #expect(throws: WireError.self) { try body.view() }
    }

    @Test(
        "a model may be left out where the provider has a default",
        arguments: [
            Endpoint.responses, .moderations, .images, .models, .other,
        ])
    func optionalModel(_ endpoint: Endpoint) throws {
        #expect(try Body("{}").view(endpoint).model == nil)
    }

    @Test(
        "reads stream",
        arguments: [
            ("true", true), ("false", false), ("null", false), ("false,\"stream\":true", true),
            ("true,\"stream\":false", false),
        ])
    func stream(_ value: String, _ expected: Bool) throws {
        #expect(try Body(#"{"model":"m","stream":\#(value)}"#).view().stream == expected)
    }

    @Test("names a bad stream field", arguments: ["1", "\"true\"", "{}", "[]", "true,\"stream\":0"])
    func badStream(_ value: String) throws {
        let body = try Body(#"{"model":"m","stream":\#(value)}"#)
        let error = #expect(throws: WireError.self) { try body.view() }
        #expect(error?.field == "body.stream")
    }

    @Test(
        "reads the asked-for output over all choices",
        arguments: [
            ("", nil), (#","max_tokens":10"#, 10), (#","max_tokens":0"#, 0), (#","max_completion_tokens":7"#, 7),
            (#","max_output_tokens":9"#, 9), (#","max_tokens":10,"max_completion_tokens":7"#, 7),
            (#","max_tokens":10,"n":3"#, 30), (#","max_tokens":10,"n":0"#, 10), (#","max_tokens":10,"n":-5"#, 10),
            (#","max_tokens":10,"n":null"#, 10), (#","max_tokens":10,"n":"3""#, 10), (#","n":3"#, nil),
            (#","max_tokens":-1"#, nil), (#","max_tokens":1.5"#, nil), (#","max_tokens":1e3"#, nil),
            (#","max_tokens":"10""#, nil), (#","max_tokens":null"#, nil),
            (#","max_completion_tokens":null,"max_tokens":10"#, 10),
            (#","max_tokens":null,"max_output_tokens":8"#, 8),
            (#","max_tokens":5,"max_tokens":6"#, 6), (#","max\u005ftokens":5"#, 5),
            (#","max_tokens":10,"best_of":4"#, 40), (#","max_tokens":10,"best_of":4,"n":2"#, 40),
        ] as [(String, Int?)])
    func maxOutput(_ members: String, _ expected: Int?) throws {
        #expect(try Body(#"{"model":"m"\#(members)}"#).view().maxOutputTokens == expected)
    }

    /// Policy adds the input estimate to this: a sum near `Int.max` would trap.
    @Test(
        "an absurd output is held at the ceiling",
        arguments: [
            (#""max_tokens":9223372036854775807"#), (#""max_tokens":9223372036854775807,"n":2"#),
            (#""max_tokens":4000000000,"n":4000000000"#), (#""max_tokens":1000000001"#),
            (#""max_tokens":1,"n":9223372036854775807"#),
        ])
    func ceiling(_ members: String) throws {
        let view = try Body(#"{"model":"m",\#(members)}"#).view()
        #expect(view.maxOutputTokens == RequestView.maxOutputCeiling)
    }

    @Test("a number beyond 64 bits says nothing")
    func beyond() throws {
        #expect(try Body(#"{"model":"m","max_tokens":92233720368547758080}"#).view().maxOutputTokens == nil)
    }

    @Test(
        "knows whether the caller wants the usage chunk",
        arguments: [
            ("{}", false), ("null", false), ("5", false), (#"{"include_usage":true}"#, true),
            (#"{"include_usage":false}"#, false), (#"{"include_usage":1}"#, false),
            (#"{"include_usage":true,"include_usage":false}"#, false), (#"{"incl\u0075de_usage":true}"#, true),
            (#"{"x":{"include_usage":true}}"#, false),
        ])
    func usageChunk(_ options: String, _ expected: Bool) throws {
        #expect(try Body(#"{"model":"m","stream_options":\#(options)}"#).view().wantsUsageChunk == expected)
    }
}
