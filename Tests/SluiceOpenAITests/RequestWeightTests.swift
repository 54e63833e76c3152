import SluiceOpenAI
import SluiceWire
import Testing

extension Body {
    func weight(_ endpoint: Endpoint = .chatCompletions, model: String? = "gpt-4o") -> RequestWeight {
        RequestWeight.read(slice, in: bytes.span.bytes, endpoint: endpoint, model: model)
    }
}

@Suite("Weight of a request")
struct RequestWeightTests {
    @Test(
        "messages: contents are text; 3 tokens and a role each, 3 for the reply",
        arguments: [
            (#"{"messages":[{"role":"user","content":"hello"}]}"#, 5, 7),
            (#"{"messages":[{"role":"system","content":"be"},{"role":"user","content":"hello"}]}"#, 7, 11),
            (#" { "messages" : [ { "role" : "user" , "content" : "a b" } ] } "#, 3, 7),
            (#"{"messages":[{"role":"user","name":"ann","content":"hello"}]}"#, 8, 8),
            (
                #"{"messages":[{"role":"user","content":[{"type":"text","text":"ab"},{"type":"text","text":"c"}]}]}"#,
                3, 7
            ),
            (#"{"messages":[{"role":"tool","tool_call_id":"call_123456","content":"42"}]}"#, 2, 7),
            (
                #"{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","#
                    + #""function":{"name":"f","arguments":"{\"a\":1}"}}]}]}"#, 8, 8
            ),
            (#"{"messages":[]}"#, 0, 3), (#"{"messages":[[],[[]],{},7,null,true]}"#, 0, 27), ("{}", 0, 0),
            (#"{"messages":null}"#, 0, 7), (#"{"mess\u0061ges":[{"role":"user","content":"hello"}]}"#, 5, 7),
            (#"{"messages":[{"content":"first"}],"messages":[{"content":"2"}]}"#, 1, 7),
            (#"{"model":"gpt-4o","user":"someone","metadata":{"a":"bcd"},"messages":[{"content":"x"}]}"#, 1, 7),
        ])
    func messages(_ text: String, _ textBytes: Int, _ fixed: Int) throws {
        let weight = try Body(text).weight()
        #expect(weight.textBytes == textBytes && weight.fixedTokens == fixed)
        #expect(!weight.hasHiddenInput && weight.inputImages == 0)
    }

    @Test(
        "text is measured as the model sees it, whatever way it was written",
        arguments: [
            (#"a\nb"#, 3), (#"\"\\\/\b\f\n\r\t"#, 8), (#"\u0041"#, 1), (#"\u007f"#, 1), (#"\u0080"#, 2),
            (#"\u00e9"#, 2), (#"\u07ff"#, 2), (#"\u0800"#, 3), (#"\u4e2d\u6587"#, 6), (#"\ud83d\ude00"#, 4),
            (#"\uD83D\uDE00"#, 4), (#"\ud7ff"#, 3), ("中文", 6), ("😀", 4), ("é", 2),
            (#"12345678\"12345678"#, 17), (#"1234567\"1234567890"#, 18),
        ])
    func escapes(_ written: String, _ bytes: Int) throws {
        #expect(try Body(#"{"messages":[{"role":"user","content":"\#(written)"}]}"#).weight().textBytes == bytes)
    }

    @Test(
        "responses: instructions and input, in all their shapes",
        arguments: [
            (#"{"input":"hello"}"#, 5, 7, false), (#"{"instructions":"be","input":"hello"}"#, 7, 11, false),
            (#"{"input":[{"role":"user","content":"hello"}]}"#, 5, 7, false),
            (
                #"{"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"abc"}]}]}"#, 3, 7,
                false
            ),
            (#"{"input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}"#, 3, 8, false),
            (#"{"input":[{"type":"function_call_output","call_id":"c","output":"abcd"}]}"#, 4, 7, false),
            (#"{"input":"x","previous_response_id":"resp_1"}"#, 1, 7, true),
            (#"{"input":"x","previous_response_id":null}"#, 1, 7, false),
            (#"{"prompt":{"id":"pmpt_1"}}"#, 0, 0, true), (#"{"input":"x","conversation":"c"}"#, 1, 7, true),
            (#"{"input":[{"type":"reasoning","id":"r","encrypted_content":"AAAAAAAA","summary":[]}]}"#, 0, 7, true),
            (#"{"input":"x","tools":[{"type":"web_search"}]}"#, 1, 26, true),
        ])
    func responses(_ text: String, _ textBytes: Int, _ fixed: Int, _ hidden: Bool) throws {
        let weight = try Body(text).weight(.responses)
        #expect(weight.textBytes == textBytes && weight.fixedTokens == fixed && weight.hasHiddenInput == hidden)
    }

    @Test(
        "ids of tokens are counted, texts are measured",
        arguments: [
            (#"{"input":"hello"}"#, 5, 0), (#"{"input":["ab","cde"]}"#, 5, 0), (#"{"input":[1,22,333]}"#, 0, 3),
            (#"{"input":[[1,2],[3, 4 ,5]]}"#, 0, 5), (#"{"input":[]}"#, 0, 0), ("{}", 0, 0),
        ])
    func batches(_ text: String, _ textBytes: Int, _ fixed: Int) throws {
        let weight = try Body(text).weight(.embeddings)
        #expect(weight.textBytes == textBytes && weight.fixedTokens == fixed)
        let prompt = try Body(text.replacing("input", with: "prompt")).weight(.completions)
        #expect(prompt.textBytes == textBytes && prompt.fixedTokens == fixed)
    }

    @Test(
        "choices and pictures asked for",
        arguments: [
            (Endpoint.chatCompletions, #"{"n":3}"#, 3, 0), (.chatCompletions, "{}", 1, 0),
            (.completions, #"{"n":2,"best_of":5}"#, 5, 0), (.images, #"{"prompt":"cat","n":4}"#, 1, 4),
            (.images, #"{"prompt":"cat"}"#, 1, 1), (.images, #"{"n":-7}"#, 1, 1),
            (.chatCompletions, #"{"n":9e9}"#, 1, 0),
            (.chatCompletions, #"{"n":99999999999}"#, 128, 0), (.images, #"{"n":"4"}"#, 1, 1),
        ])
    func choices(_ endpoint: Endpoint, _ text: String, _ choices: Int, _ images: Int) throws {
        let weight = try Body(text).weight(endpoint)
        #expect(weight.choices == choices && weight.outputImages == images)
    }

    @Test("Another endpoint's strings are all text; a list of models weighs nothing")
    func others() throws {
        let body = try Body(#"{"model":"tts-1","input":"hello","speed":1.5,"extra":{"a":["bc"]}}"#)
        #expect(body.weight(.other).textBytes == 12)
        #expect(body.weight(.models) == RequestWeight())
    }

    @Test("Files and audio are no text; what a file holds is not known")
    func media() throws {
        let base64 = String(repeating: "A", count: 64_000)
        let file = try Body(
            #"{"messages":[{"content":[{"type":"file","file":{"filename":"a","file_data":"data:application/pdf;base64,"#
                + base64 + #""}}]}]}"#
        ).weight()
        #expect(file.textBytes == 0 && file.hasHiddenInput)
        let audio = try Body(
            #"{"messages":[{"content":[{"type":"input_audio","input_audio":{"data":""# + base64
                + #"","format":"mp3"}}]}]}"#
        ).weight()
        // 48,000 bytes are 3 seconds at 128 kbit/s.
        #expect(audio.textBytes == 0 && audio.fixedTokens == 7 + 30 && !audio.hasHiddenInput)
    }

    @Test("A wave file's own rate is read")
    func wave() throws {
        // RIFF, WAVE, PCM, mono, 8,000 Hz, 16 bits: 16,000 bytes a second; then 1.6 s of silence.
        let header = "UklGRiRkAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQBkAAAA"
        let data = header + String(repeating: "A", count: 34_080)
        let body = try Body(#"{"messages":[{"content":[{"input_audio":{"data":"\#(data)","format":"wav"}}]}]}"#)
        #expect(body.weight().fixedTokens == 7 + 16)
    }

    @Test("What is valid JSON, however odd or deep, is weighed without a trap")
    func anything() throws {
        let deep = String(repeating: "[", count: 120) + #""x""# + String(repeating: "]", count: 120)
        #expect(try Body(#"{"messages":\#(deep)}"#).weight().textBytes == 1)
        let schema = String(repeating: #"{"items":"#, count: 100) + "{}" + String(repeating: "}", count: 100)
        let tool = #"{"tools":[{"type":"function","function":{"name":"f","parameters":\#(schema)}}]}"#
        #expect(try Body(tool).weight().textBytes == 2)
        for endpoint in Endpoint.allCases {
            for value in ["0", "[0]", "{}", "[{}]", "\"\"", "null", "[null]", #"{"":{}}"#, #"[{"image_url":7}]"#] {
                let keys = ["messages", "input", "prompt", "tools", "functions", "response_format", "text", "n"]
                let body = try Body("{" + keys.map { "\"\($0)\":\(value)" }.joined(separator: ",") + "}")
                #expect((0...10_000).contains(body.weight(endpoint).fixedTokens))
            }
        }
    }
}
