import SluiceWire
import Testing

@Suite("Client frames")
struct ClientFrameTests {
    @Test("reads a full call and slices its body untouched")
    func call() throws {
        let body = #"{"model":"gpt-4o-mini", "x":1e400,"model":"é\u0041","n":12345678901234567890}"#
        let text =
            #"{"op":"call","id":"a\u0062","path":"/v1/chat/completions","tenant":"acme","feature":"f","#
            + #""lane":"batch","deadline_ms":4000,"progress":false,"later":[1,{}],"body":"# + body + "}"
        let bytes = Array(text.utf8)
        guard case .call(let call) = try ClientFrame.parse(bytes) else {
            Issue.record("not a call")
            return
        }
        #expect(call.id == "ab")
        #expect(call.tenant == "acme")
        #expect(call.lane == .batch)
        #expect(call.deadlineMS == 4000)
        #expect(!call.progress)
        #expect(call.method == .post)
        let range = try #require(call.body?.range)
        #expect(Array(bytes[range]) == Array(body.utf8))
    }

    @Test("a call that names no lane leaves the choice to the agent")
    func noLane() throws {
        for (text, lane) in [("", nil), (#","lane":"normal""#, Lane.normal)] {
            let bytes = Array((#"{"op":"call","id":"1","path":"/v1/models""# + text + "}").utf8)
            guard case .call(let call) = try ClientFrame.parse(bytes) else {
                Issue.record("not a call")
                return
            }
            #expect(call.lane == lane)
        }
    }

    @Test(
        "names the field that is wrong",
        arguments: [
            (#"{"id":"1"}"#, "op"), (#"{"op":7,"id":"1"}"#, "op"), (#"{"op":"call","path":"/v1/x"}"#, "id"),
            (#"{"op":"call","id":"","path":"/v1/x"}"#, "id"), (#"{"op":"call","id":"1"}"#, "path"),
            (#"{"op":"call","id":"1","path":"/v2/x"}"#, "path"), (#"{"op":"call","id":"1","path":"/v1/../x"}"#, "path"),
            (#"{"op":"call","id":"1","path":"/v1/x?y"}"#, "path"),
            (#"{"op":"call","id":"1","path":"/v1/x","lane":"fast"}"#, "lane"),
            (#"{"op":"call","id":"1","path":"/v1/x","deadline_ms":0}"#, "deadline_ms"),
            (#"{"op":"call","id":"1","path":"/v1/x","deadline_ms":1.5}"#, "deadline_ms"),
            (#"{"op":"call","id":"1","path":"/v1/x","deadline_ms":86400001}"#, "deadline_ms"),
            (#"{"op":"call","id":"1","path":"/v1/x","progress":1}"#, "progress"),
            (#"{"op":"call","id":"1","path":"/v1/x","body":[]}"#, "body"),
            (#"{"op":"call","id":"1","path":"/v1/x","method":"POST"}"#, "body"),
            (#"{"op":"call","id":"1","path":"/v1/x","method":"PUT"}"#, "method"),
            (#"{"op":"call","id":"1","path":"/v1/x","tenant":"\ud800"}"#, "tenant"),
            (#"{"op":"call","id":"1","path":"/v1/x","tenant":""}"#, "tenant"),
            (#"{"op":"call","id":"1","path":"/v1/x","id":"2"}"#, "id"),
            (#"{"op":"grant","id":"1"}"#, "bytes"), (#"{"op":"grant","id":"1","bytes":16777217}"#, "bytes"),
            (#"{"op":"hello"}"#, "proto"), (#"{"op":"hello","proto":"1"}"#, "proto"),
            (#"{"op":"hello","proto":1,"features":[1]}"#, "features[0]"),
            (#"{"op":"hello","proto":1,"features":{}}"#, "features"),
        ])
    func fields(_ text: String, _ field: String) {
        let rejection = reject(text)
        #expect(rejection?.error.code == .callerInvalidField)
        #expect(rejection?.error.field == field)
        #expect(rejection?.error.message.hasPrefix(field) == true)
    }

    @Test("an error keeps the id that could be read")
    func idOfRejection() {
        #expect(reject(#"{"op":"call","id":"x","path":1}"#)?.id == "x")
        #expect(reject(#"{"op":"call","id":"x","path":"#)?.id == nil)
        #expect(reject(#"{"op":"nope","id":"x"}"#)?.error.code == .callerUnknownOp)
    }

    @Test("whole-frame faults have their own codes")
    func faults() {
        #expect(reject("[]")?.error.code == .callerInvalidJSON)
        #expect(reject("{\"op\":\"ping\"} x")?.error.code == .callerInvalidJSON)
        #expect(reject(#"{"a":"# + String(repeating: "[", count: 128))?.error.code == .callerNestingTooDeep)
        var bytes = Array(#"{"op":"ping","x":""#.utf8)
        bytes += [0xFF] + Array("\"}".utf8)
        #expect(throws: FrameRejection.self) { try ClientFrame.parse(bytes) }
    }

    @Test("ids take 1 to 64 bytes")
    func idBounds() throws {
        let longest = String(repeating: "x", count: 64)
        let bytes = Array("{\"op\":\"cancel\",\"id\":\"\(longest)\"}".utf8)
        #expect(try ClientFrame.parse(bytes) == .cancel(id: longest))
        #expect(reject("{\"op\":\"cancel\",\"id\":\"\(longest)y\"}")?.error.field == "id")
    }

    private func reject(_ text: String) -> FrameRejection? {
        let bytes = Array(text.utf8)
        do {
            _ = try ClientFrame.parse(bytes)
            return nil
        } catch { return error }
    }
}

@Suite("Frame codec")
struct FrameCodecTests {
    @Test("decodes pipelined frames cut at every byte")
    func everyCut() {
        let stream: [UInt8] = [0, 0, 0, 2, 0x7B, 0x7D, 0, 0, 0, 0, 0, 0, 0, 1, 0x31]
        for cut in 0...stream.count {
            var seen: [FrameStep] = []
            var offset = 0
            for end in [cut, stream.count] {
                let bytes = Array(stream[..<end])
                loop: while true {
                    let step = FrameDecoder(maxFrame: 16).look(bytes, at: offset)
                    switch step {
                    case .needBytes, .tooLarge: break loop
                    case .empty:
                        seen.append(step)
                        offset += 4
                    case .frame(let range):
                        seen.append(step)
                        offset = range.upperBound
                    }
                }
            }
            #expect(seen == [.frame(4..<6), .empty, .frame(14..<15)], "cut at \(cut)")
        }
    }

    @Test("a length over the bound is told before its bytes arrive")
    func tooLarge() {
        let decoder = FrameDecoder(maxFrame: 16)
        #expect(decoder.look([0, 0, 0, 17]) == .tooLarge(17))
        #expect(decoder.look([0xFF, 0xFF, 0xFF, 0xFF]) == .tooLarge(4_294_967_295))
        #expect(decoder.look([0, 0, 0, 16]) == .needBytes(20))
    }

    @Test("what the writer makes, the reader takes")
    func writer() throws {
        var writer = FrameWriter()
        writer.error(
            id: "q\"\u{1}é", WireError(.callerInvalidField, "a\nb", limit: "x", field: "body.model", status: 400))
        writer.pong(id: nil)
        let decoder = FrameDecoder()
        guard case .frame(let first) = decoder.look(writer.bytes),
            case .frame(let second) = decoder.look(writer.bytes, at: first.upperBound)
        else {
            Issue.record("not two frames")
            return
        }
        #expect(second.upperBound == writer.bytes.count)
        let payload = Array(writer.bytes[first])
        let slice = try JSONObjectSlice.read(payload.span.bytes)
        let id = try #require(slice.value("id", of: payload))
        #expect(JSONText.string(id, of: payload) == "q\"\u{1}é")
        let status = try #require(slice.value("status", of: payload))
        #expect(JSONText.integer(status, of: payload) == 400)
    }
}
