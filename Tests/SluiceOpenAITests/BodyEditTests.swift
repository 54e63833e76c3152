import SluiceOpenAI
import SluiceWire
import Testing

@Suite("Body edit: include_usage")
struct BodyEditTests {
    @Test(
        "edits one place and leaves the rest",
        arguments: [
            ("{}", #"{"stream_options":{"include_usage":true}}"#),
            ("  {  }  ", #"  {"stream_options":{"include_usage":true}  }  "#),
            (#"{"a":1e400}"#, #"{"stream_options":{"include_usage":true},"a":1e400}"#),
            (#"{"stream_options":null}"#, #"{"stream_options":{"include_usage":true}}"#),
            (#"{"stream_options":{}}"#, #"{"stream_options":{"include_usage":true}}"#),
            (#"{"stream_options" : { } }"#, #"{"stream_options" : {"include_usage":true } }"#),
            (#"{"stream_options":{"x":1}}"#, #"{"stream_options":{"include_usage":true,"x":1}}"#),
            (#"{"stream_options":{"include_usage": false}}"#, #"{"stream_options":{"include_usage": true}}"#),
            (
                #"{"stream_options":{"include_usage":null,"y":"é"}}"#,
                #"{"stream_options":{"include_usage":true,"y":"é"}}"#
            ),
            (
                #"{"stream_options":{},"stream_options":{}}"#,
                #"{"stream_options":{},"stream_options":{"include_usage":true}}"#
            ),
        ])
    func exact(_ before: String, _ after: String) throws {
        #expect(try Body(before).withUsage() == after)
    }

    @Test(
        "leaves alone what asks already and what only the provider can refuse",
        arguments: [
            #"{"stream_options":{"include_usage":true}}"#, #"{"stream_options":{"include_usage" : true , "x":1}}"#,
            #"{"stream_options":{"include_usage":false,"include_usage":true}}"#,
            #"{"str\u0065am_options":{"include_usage":true}}"#,
            #"{"stream_options":5}"#, #"{"stream_options":[]}"#, #"{"stream_options":"x"}"#,
            #"{"stream_options":true}"#,
        ])
    func untouched(_ text: String) throws {
        #expect(try Body(text).withUsage() == nil)
    }

    static let spaces = ["", " ", "\n\t", "\r\n  "]
    static let options: [String?] = [
        nil, "null", "{}", "{ }", #"{"include_usage":false}"#, #"{"include_usage":null}"#, #"{"include_usage":0}"#,
        #"{"include_usage":{"include_usage":true}}"#, #"{"include_usage":true,"include_usage":false}"#,
        #"{"include\u005fusage":false}"#, #"{"a":{"include_usage":true},"b":[{}]}"#,
        #"{"a":1, "include_usage" : false , "b":2}"#,
    ]

    @Test("the edited text is JSON, asks for usage and keeps every other byte", arguments: spaces, options)
    func property(_ space: String, _ option: String?) throws {
        let key = #""stream_options"\#(space):\#(space)"#
        let around = [#""messages":[{"stream_options":{"include_usage":false}}]"#, #""n":12345678901234567890"#]
        for position in 0...around.count {
            for decoy in [nil, #""stream_options":{"include_usage":true}"#] {
                var members = around
                if let option { members.insert(key + option, at: position) }
                // An earlier duplicate does not count: the last one does.
                if let decoy, option != nil { members.insert(decoy, at: 0) }
                try check("\(space){\(space)\(members.joined(separator: "\(space),\(space)"))\(space)}\(space)")
            }
        }
    }

    private func check(_ text: String) throws {
        let body = try Body(text)
        let edit = try #require(includeUsage(body), "\(text)")
        let edited = try Body(try #require(body.withUsage()))
        #expect(try edited.view(.other).wantsUsageChunk, "\(text)")
        #expect(BodyEdit.includeUsage(edited.slice, in: edited.bytes.span.bytes) == nil, "\(text)")
        let tail = body.bytes.count - edit.range.upperBound
        #expect(edited.bytes.prefix(edit.range.lowerBound) == body.bytes.prefix(edit.range.lowerBound))
        #expect(edited.bytes.suffix(tail) == body.bytes.suffix(tail))
        #expect(edited.bytes.count == edit.range.lowerBound + edit.replacement.count + tail)
    }

    private func includeUsage(_ body: Body) -> BodyEdit? {
        BodyEdit.includeUsage(body.slice, in: body.bytes.span.bytes)
    }
}
