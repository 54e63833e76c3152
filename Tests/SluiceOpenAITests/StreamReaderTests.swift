@testable import SluiceOpenAI
import SluiceWire
import Testing

@Suite("Stream reader")
struct StreamReaderTests {
    static let usage = #""usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}"#
    static let read = WireUsage(inputTokens: 3, outputTokens: 4)

    @Test(
        "chat chunks",
        arguments: [
            ("[DONE]", false, nil, .complete), (" [DONE] ", false, nil, .complete), ("", false, nil, nil),
            (#"{"choices":[{"delta":{"content":"[DONE]"}}],"usage":null}"#, true, nil, nil),
            (#"{"choices":[],\#(usage)}"#, false, read, nil), (#"{"choices": [ ] ,\#(usage)}"#, false, read, nil),
            (#"{"choices":[{"index":0}],\#(usage)}"#, true, read, nil), (#"{\#(usage)}"#, true, read, nil),
            (#"{"choices":[{"index":0,"delta":{}}],\#(usage)}"#, false, read, nil),
            (#"{"choices":[{"delta":{"content":null},"finish_reason":null}],\#(usage)}"#, false, read, nil),
            (#"{"choices":[{"delta":{},"finish_reason":"stop"}],\#(usage)}"#, true, read, nil),
            (#"{"choices":[{"delta":{"content":"x"}}],\#(usage)}"#, true, read, nil),
            (#"{"choices":null,\#(usage)}"#, true, read, nil), (#"{"choices":[]}"#, true, nil, nil),
            (#"{"choices":[],"usage":{}}"#, false, nil, nil), (#"{"choices":[],"usage":null}"#, true, nil, nil),
            (#"{"error":{"message":"m","type":"server_error"}}"#, false, nil, .failed),
            (#"{"error":"overloaded"}"#, true, nil, .failed), (#"{"error":null,"choices":[{}]}"#, true, nil, nil),
            (#"{"error":{},"choices":[],\#(usage)}"#, false, read, .failed),
            ("[1,2]", true, nil, nil), ("\"ping\"", true, nil, nil), ("7", true, nil, nil),
        ] as [(String, Bool, WireUsage?, StreamStep.End?)])
    func chat(_ data: String, _ forward: Bool, _ usage: WireUsage?, _ end: StreamStep.End?) throws {
        var reader = StreamReader(endpoint: .chatCompletions, withholdsUsage: true)
        var step = try reader.take(data)
        // What an error object holds is another test's matter.
        step.error = nil
        #expect(step == StreamStep(forward: forward, usage: usage, end: end))
    }

    @Test("a usage chunk the caller asked for is its own")
    func wanted() throws {
        var reader = StreamReader(endpoint: .chatCompletions, withholdsUsage: false)
        let step = try reader.take(#"{"choices":[],\#(Self.usage)}"#)
        #expect(step == StreamStep(forward: true, usage: Self.read))
    }

    @Test("the model is told once")
    func model() throws {
        var reader = StreamReader(endpoint: .chatCompletions, withholdsUsage: false)
        #expect(try reader.take(#"{"choices":[]}"#).model == nil)
        #expect(try reader.take(#"{"model":"m-1"}"#).model == "m-1")
        #expect(try reader.take(#"{"model":"m-1"}"#).model == nil)
    }

    @Test(
        "typed events of responses",
        arguments: [
            (#"{"type":"response.created","response":{"model":"m","usage":null}}"#, nil, nil, nil),
            (#"{"type":"response.output_text.delta","delta":"response.completed"}"#, nil, nil, nil),
            (
                #"{"type":"response.completed","response":{"model":"m","usage":{"input_tokens":3,"output_tokens":4}}}"#,
                read, "m", .complete
            ),
            (#"{"type":"response.incomplete","response":{}}"#, nil, nil, .complete),
            (#"{"type":"response\u002ecompleted"}"#, nil, nil, .complete),
            (#"{"type":"response.completed","response":5}"#, nil, nil, .complete),
            (
                #"{"response":{"usage":{"input_tokens":3,"output_tokens":4}},"type":"response.failed"}"#, read, nil,
                .failed
            ),
            (#"{"type":"error","code":"server_error","message":"m"}"#, nil, nil, .failed),
            (#"{"error":"m"}"#, nil, nil, .failed), (#"{"error":null}"#, nil, nil, nil),
            (#"{"type":7}"#, nil, nil, nil), (#"{"type":"response.completedx"}"#, nil, nil, nil),
            (#"{"type":"response.complete"}"#, nil, nil, nil), (#"{"type":""}"#, nil, nil, nil),
        ] as [(String, WireUsage?, String?, StreamStep.End?)])
    func typed(_ data: String, _ usage: WireUsage?, _ model: String?, _ end: StreamStep.End?) throws {
        var reader = StreamReader(endpoint: .responses, withholdsUsage: false)
        #expect(try reader.take(data) == StreamStep(forward: true, usage: usage, model: model, end: end))
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            "[DONE", "DONE", "{", "{} {}", "{\"a\":}", "data: {}", "[DONE]x", "\u{FEFF}{}",
        ])
    func notJSON(_ data: String) {
        for endpoint in [Endpoint.chatCompletions, .responses] {
            #expect(throws: JSONFault.self) {
                var reader = StreamReader(endpoint: endpoint, withholdsUsage: true)
                return try reader.take(data)
            }
        }
    }

    @Test("a whole stream through parser and reader, cut everywhere")
    func wholeStream() throws {
        let lines = [
            #"{"model":"m","choices":[{"delta":{"content":"a"}}],"usage":null}"#,
            #"{"model":"m","choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}"#,
            #"{"model":"m","choices":[],\#(Self.usage)}"#, "[DONE]",
        ]
        let bytes = Array(lines.map { "data: \($0)\n\n" }.joined().utf8)
        for cut in 0...bytes.count {
            var reader = StreamReader(endpoint: .chatCompletions, withholdsUsage: true)
            let steps = try Heard([bytes[..<cut], bytes[cut...]]).events.map { try reader.take($0) }
            #expect(steps.map(\.forward) == [true, true, false, false])
            #expect(steps.compactMap(\.usage) == [Self.read])
            #expect(steps.compactMap(\.model) == ["m"])
            #expect(steps.last?.end == .complete)
        }
    }
}
