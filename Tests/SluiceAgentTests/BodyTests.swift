import Testing

@Suite("Bodies cross as the bytes they are", .timeLimit(.minutes(1)))
struct BodyTests {
    /// What a parser would change: order, doubles, blanks, escapes, numbers, surrogates.
    static let odd =
        #"{ "z":1e400,"model":"gpt-4o-mini","big":12345678901234567890123, "a":{"k":1,"k":2},"k":1.0,"k":2,"#
        + "\t" + #""é":"\u00e9\ud83d\ude00\/\b","lone":"\ud800","empty":{},"n":-0.0,"e":1E-7 }"#

    @Test("A request reaches the provider, and its answer the caller, byte for byte")
    func plain() async throws {
        let scratch = try Scratch()
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            exchange.json(Self.odd)
            return true
        }
        try await House.with(Setup(socket: scratch.file("raw.sock"))) { house in
            let caller = try house.connect()
            caller.call("1", Self.odd)
            // Not by its fields: what reads JSON in this test cannot read a number of this size.
            let result = try await caller.first { $0.text.contains(#""event":"result""#) }
            #expect(upstream.received.first.map { String(decoding: $0.body, as: UTF8.self) } == Self.odd)
            #expect(result.text.contains(#""body":"# + Self.odd))
        }
    }

    @Test("Every data object of a stream is forwarded byte for byte, however the bytes are cut")
    func streamed() async throws {
        let scratch = try Scratch()
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            exchange.beginStream()
            for scalar in "data: \(Self.odd)\r\n\r\n: a comment\n\ndata: {\"model\":\"m\"}\n\n".unicodeScalars {
                exchange.write(String(Character(scalar)))
            }
            exchange.event("[DONE]")
            return false
        }
        try await House.with(Setup(socket: scratch.file("raw.sock"))) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat(stream: true))
            let odd = try await caller.first { $0.text.contains(#""event":"chunk""#) }
            #expect(odd.text.contains(#""data":"# + Self.odd))
            let result = try await caller.end(of: "1")
            #expect(caller.unread("chunk").count == 1 && result.string("finish") == "complete")
            // No usage came: the cost is only guessed at.
            #expect(result.string("charged") == "estimated" && !result.has("usage"))
            #expect(upstream.received.count == 1)
        }
    }

    @Test("Of a streamed chat only the wish for usage is added, and everything else stays")
    func editedRequest() async throws {
        let scratch = try Scratch()
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            exchange.beginStream()
            exchange.event("[DONE]")
            return false
        }
        try await House.with(Setup(socket: scratch.file("raw.sock"))) { house in
            let caller = try house.connect()
            let body = #"{"model":"m","stream":true,"x":1e400,"x":{"y":[1,2,{}]}}"#
            caller.call("1", body)
            #expect(try await caller.end(of: "1").kind == "result")
            let sent = String(decoding: try #require(upstream.received.first).body, as: UTF8.self)
            #expect(sent.contains(#""include_usage":true"#))
            #expect(sent.contains(#""model":"m""#) && sent.contains(#""x":1e400,"x":{"y":[1,2,{}]}"#))
            let added = sent.replacing(#""stream_options":{"include_usage":true}"#, with: "").replacing(",", with: "")
            #expect(added == body.replacing(",", with: ""))
        }
    }

    @Test("A frame just within the bound carries its whole body, and one of several MiB comes back whole")
    func large() async throws {
        let scratch = try Scratch()
        let text = String(repeating: "x", count: 3 << 20)
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            exchange.json(#"{"text":"\#(text)\#(text)\#(text)"}"#)
            return true
        }
        try await House.with(Setup(socket: scratch.file("raw.sock"))) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat(text: text))
            let result = try await caller.end(of: "1")
            #expect(upstream.received.first.map(\.body.count) == Body.chat(text: text).utf8.count)
            #expect(result.string("body.text")?.utf8.count == 3 * text.utf8.count)
        }
    }
}
