import SluiceWire
import Testing

@Suite("Bounds of the wire floor")
struct BoundTests {
    @Test(
        "an escaped key is the key it stands for",
        arguments: [
            (#"model"#, true), (#"mod\u0065l"#, true), (#"\u006D\u006f\u0064\u0065\u006C"#, true),
            (#"mode\u006c"#, true),
            (#"mode"#, false), (#"mode\u006cx"#, false), (#"model\n"#, false), (#"\u006dode"#, false), (#"\""#, false),
            (#"\ud800model"#, false), (#"mod\u00e9l"#, false), (#"m\\odel"#, false), (#"\u016dodel"#, false),
        ])
    func keys(_ key: String, _ same: Bool) throws {
        let bytes = Array(#"{"\#(key)":1}"#.utf8)
        let slice = try JSONObjectSlice.read(bytes.span.bytes)
        #expect((slice.value("model", of: bytes) != nil) == same)
    }

    @Test("each short escape in a key stands for its byte")
    func shortEscapes() throws {
        let bytes = Array(#"{"\b\f\n\r\t\/\\\"":1}"#.utf8)
        let slice = try JSONObjectSlice.read(bytes.span.bytes)
        #expect(slice.value("\u{8}\u{C}\n\r\t/\\\"", of: bytes) != nil)
    }

    @Test("a body of more than 1,024 members is refused, one of 1,024 is not")
    func bodyMembers() throws {
        func call(_ members: Int) -> [UInt8] {
            let body = (0..<members).map { "\"\($0)\":0" }.joined(separator: ",")
            return Array(#"{"op":"call","id":"1","path":"/v1/x","body":{\#(body)}}"#.utf8)
        }
        guard case .call(let frame) = try ClientFrame.parse(call(1024)) else {
            Issue.record("not a call")
            return
        }
        #expect(frame.body?.members.count == 1024)
        let rejection = #expect(throws: FrameRejection.self) { try ClientFrame.parse(call(1025)) }
        #expect(rejection?.id == "1")
        #expect(rejection?.error.field == "body")
        #expect(rejection?.error.limit == "body_members")
    }

    @Test("members beyond the bound are validated and not kept")
    func keptMembers() throws {
        let members = (0..<100_000).map { _ in #""":0"# }.joined(separator: ",")
        let slice = try JSONObjectSlice.read(Array("{\(members)}".utf8).span.bytes)
        #expect(slice.members.count == JSONObjectSlice.maxMembers + 1)
        #expect(slice.isTruncated)
        #expect(throws: JSONFault.self) { try JSONReader.check(Array("{\(members),}".utf8)) }
    }

    @Test("a batch of events grows its buffer by doubling")
    func growth() {
        var writer = FrameWriter()
        var growths = 0
        for index in 0..<10_000 {
            let before = writer.bytes.capacity
            writer.pong(id: "\(index)")
            if writer.bytes.capacity != before { growths += 1 }
        }
        #expect(growths < 24, "\(growths) times for \(writer.bytes.count) bytes")
    }

    @Test("the largest spliced body fits with the largest of everything around it")
    func splice() {
        let body = [UInt8](repeating: UInt8(ascii: "1"), count: WireLimits.spliceCeiling)
        let label = String(repeating: "\u{1}", count: 4096)
        let summary = ResultSummary(
            status: 599, usage: nil, charged: .estimated, attempts: .max, upstreamRequestID: label, model: label,
            queuedMS: .max, upstreamMS: .max, totalMS: .max)
        var writer = FrameWriter()
        body.withUnsafeBytes { writer.result(id: label, summary, body: $0) }
        #expect(writer.bytes.count > WireLimits.spliceCeiling)
    }
}
