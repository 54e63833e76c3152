import Testing

@testable import SluiceBench

@Suite("HTTP responses")
struct HTTPResponseParserTests {
    /// What a parser makes of `text` when it arrives in pieces of `size` bytes.
    private func read(_ text: String, pieces size: Int) -> (steps: [String], body: String) {
        var parser = HTTPResponseParser()
        var pending: [UInt8] = []
        var steps: [String] = []
        var body: [UInt8] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            pending += bytes[start..<min(start + size, bytes.count)]
            var offset = 0
            loop: while true {
                switch parser.step(pending.span.bytes, at: &offset) {
                case .needBytes: break loop
                case .head(let status): steps.append("\(status)")
                case .data(let range): body += pending[range]
                case .end: steps.append("end")
                case .malformed(let reason): return (steps + [reason], "")
                }
            }
            pending.removeFirst(offset)
        }
        return (steps, String(decoding: body, as: UTF8.self))
    }

    @Test(
        "reads every framing in pieces of any size",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\ncontent-length:5\r\nX: y\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: z\r\n\r\n",
        ])
    func framings(_ text: String) {
        for size in 1...text.utf8.count {
            let result = read(text + text, pieces: size)
            #expect(result.steps == ["200", "end", "200", "end"])
            #expect(result.body == "hellohello")
        }
    }

    @Test("a body without a length goes on until the connection closes")
    func untilClose() {
        var parser = HTTPResponseParser()
        let bytes = Array("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab".utf8)
        var offset = 0
        #expect(parser.step(bytes.span.bytes, at: &offset) == .head(status: 200))
        #expect(parser.step(bytes.span.bytes, at: &offset) == .data((bytes.count - 2)..<bytes.count))
        #expect(parser.endsWithConnection)
        #expect(!parser.keepsAlive)
    }

    @Test("an empty body ends at once, whatever says that it is empty")
    func empty() {
        #expect(read("HTTP/1.1 204 No Content\r\n\r\n", pieces: 9).steps == ["204", "end"])
        #expect(read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", pieces: 99).steps == ["200", "end"])
    }

    @Test("says what is not HTTP")
    func malformed() {
        #expect(read("SSH-2.0-x\r\n\r\n", pieces: 99).steps == ["not an HTTP/1.1 status line"])
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(read(chunked + "zz\r\n", pieces: 99).steps == ["200", "a chunk has no size"])
        #expect(read(chunked + "1\r\nab\r\n", pieces: 99).steps == ["200", "a chunk is longer than it said"])
        let endless = "HTTP/1.1 200 OK\r\n" + String(repeating: "a", count: 70_000)
        #expect(read(endless, pieces: 4096).steps == ["the header is too long"])
    }

    @Test("finds the data of events in pieces of any size, and their stamps")
    func events() {
        let text = "event: x\r\ndata: {\"sent_ns\":123}\r\n\r\ndata:{\"sent_ns\":7,\"a\":1}\n\n: note\ndata: [DONE]\n\n"
        let bytes = Array(text.utf8)
        for size in 1...bytes.count {
            var scanner = EventScanner()
            var stamps: [UInt64?] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                let piece = Array(bytes[start..<min(start + size, bytes.count)])
                scanner.scan(piece.span.bytes) { stamps.append(ChunkStamp.read($0)) }
            }
            #expect(stamps == [123, 7, nil])
        }
    }
}
