import SluiceOpenAI
import SluiceWire
import Testing

@Suite("Response view")
struct UsageTests {
    @Test(
        "reads the usage of each endpoint",
        arguments: [
            (
                #"""
                {"id":"c","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[{"index":0}],
                "usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,
                "prompt_tokens_details":{"cached_tokens":8,"audio_tokens":0},
                "completion_tokens_details":{"reasoning_tokens":4,"accepted_prediction_tokens":0}}}
                """#, WireUsage(inputTokens: 19, outputTokens: 10, cachedTokens: 8, reasoningTokens: 4)
            ),
            (
                #"{"object":"text_completion","usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}"#,
                WireUsage(inputTokens: 5, outputTokens: 7)
            ),
            (
                #"""
                {"object":"response","usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":0},
                "output_tokens":87,"output_tokens_details":{"reasoning_tokens":64},"total_tokens":123}}
                """#, WireUsage(inputTokens: 36, outputTokens: 87, cachedTokens: 0, reasoningTokens: 64)
            ),
            (
                #"{"object":"list","data":[],"usage":{"prompt_tokens":8,"total_tokens":8}}"#,
                WireUsage(inputTokens: 8, outputTokens: 0)
            ),
            (
                #"""
                {"created":1,"data":[{}],"usage":{"total_tokens":100,"input_tokens":50,"output_tokens":50,
                "input_tokens_details":{"text_tokens":10,"image_tokens":40}}}
                """#, WireUsage(inputTokens: 50, outputTokens: 50)
            ),
            (
                #"{"usage":{"prompt_tokens":null,"completion_tokens":null,"input_tokens":3,"output_tokens":4}}"#,
                WireUsage(inputTokens: 3, outputTokens: 4)
            ),
            (
                #"{"usage":{"prompt_tokens":3,"completion_tokens":4,"prompt_tokens_details":null}}"#,
                WireUsage(inputTokens: 3, outputTokens: 4)
            ),
            (
                #"{"usage":{"prompt_tokens":1,"prompt_tokens":2,"completion\u005ftokens":3}}"#,
                WireUsage(inputTokens: 2, outputTokens: 3)
            ),
        ] as [(String, WireUsage)])
    func shapes(_ text: String, _ usage: WireUsage) throws {
        #expect(try ResponseView.parse(text).usage == usage)
    }

    @Test(
        "usage that cannot be trusted is unknown, never small",
        arguments: [
            "null", "5", "[]", "{}", #"{"total_tokens":5}"#, #"{"prompt_tokens":-1,"completion_tokens":1}"#,
            #"{"prompt_tokens":1.5,"completion_tokens":1}"#, #"{"prompt_tokens":1e2,"completion_tokens":1}"#,
            #"{"prompt_tokens":"9","completion_tokens":1}"#, #"{"prompt_tokens":99999999999999999999}"#,
            #"{"prompt_tokens":1000000001}"#, #"{"prompt_tokens":1,"completion_tokens":-1}"#,
            #"{"prompt_tokens":1,"completion_tokens":9223372036854775807}"#,
            #"{"prompt_tokens":1,"completion_tokens":"2"}"#, #"{"prompt_tokens":1,"completion_tokens":1e9}"#,
            #"{"type":"duration","seconds":3}"#,
        ])
    func hostile(_ usage: String) throws {
        #expect(try ResponseView.parse(#"{"usage":\#(usage)}"#).usage == nil)
    }

    /// A price is computed from `input - cached`, which must not go below zero.
    @Test("parts are never more than the whole")
    func parts() throws {
        let text = #"""
            {"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":11},
            "completion_tokens_details":{"reasoning_tokens":900}}}
            """#
        let usage = try #require(try ResponseView.parse(text).usage)
        #expect(usage == WireUsage(inputTokens: 10, outputTokens: 5, cachedTokens: 10, reasoningTokens: 5))
    }

    @Test("a part that cannot be read is left out", arguments: ["-1", "1.5", "null", "\"3\"", "{}", "1e1"])
    func badPart(_ value: String) throws {
        let text = #"{"usage":{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":\#(value)}}}"#
        #expect(try ResponseView.parse(text).usage == WireUsage(inputTokens: 10, outputTokens: 0))
    }

    @Test(
        "reads the model that answered",
        arguments: [
            (#"{"model":"gpt-4o-2024-08-06"}"#, "gpt-4o-2024-08-06"), (#"{"model":null}"#, nil), (#"{"model":4}"#, nil),
            (#"{"model":"\ud800"}"#, nil), ("{}", nil), ("[]", nil), ("3", nil),
        ] as [(String, String?)])
    func model(_ text: String, _ model: String?) throws {
        #expect(try ResponseView.parse(text).model == model)
    }

    @Test(
        "what is not one JSON value is refused",
        arguments: [
            "", " ", "{", "{}{}", "[1,]", "<html>", "{\"a\":01}", "{} x", "nul",
        ])
    func notJSON(_ text: String) {
        #expect(throws: JSONFault.self) { try ResponseView.parse(text) }
    }

    @Test("only the first members of an endless object are looked at, all of them are validated")
    func endless() throws {
        let many = (0..<5000).map { #""k\#($0)":0"# }.joined(separator: ",")
        let view = try ResponseView.parse(#"{"usage":{"prompt_tokens":1},\#(many)}"#)
        #expect(view.usage == WireUsage(inputTokens: 1, outputTokens: 0))
        #expect(throws: JSONFault.self) { try ResponseView.parse(#"{"usage":{"prompt_tokens":1},\#(many),"x":}"#) }
    }
}
