import SluiceOpenAI
import Testing

@Suite("SSE parser")
struct SSEParserTests {
    static let streams: [(String, [String])] = [
        ("", []), ("\n\n\n", []), ("data: a\n\n", ["a"]), ("data:a\n\ndata:b\n\n", ["a", "b"]),
        ("data:  two\n\n", [" two"]), ("data: a\ndata: b\n\n", ["a\nb"]), ("data\n\n", [""]), ("data:\n\n", [""]),
        ("data\ndata\n\n", ["\n"]), (": comment\n\n:\ndata: x\n: y\ndata: z\n\n", ["x\nz"]),
        ("event: e\nid: 1\nretry: 5\n\n", []), ("event: e\ndata: x\nid: 2\n\n", ["x"]),
        ("data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]), ("data: a\r\rdata: b\r\r", ["a", "b"]),
        ("data: a\n\r\ndata: b\r\n\n", ["a", "b"]), ("data: a\r\n\rdata: b\n\n", ["a", "b"]),
        ("\u{FEFF}data: bom\n\n", ["bom"]), ("\u{FEFF}\u{FEFF}data: no\n\n", []), ("\n\u{FEFF}data: no\n\n", []),
        ("Data: no\ndatax: no\n data: no\ndat: no\n\n", []), ("data: é€𝄞\n\n", ["é€𝄞"]),
        ("data: [DONE]\n\n", ["[DONE]"]), ("data:: x\n\n", [": x"]), ("data:\tx\n\n", ["\tx"]),
        // The last line is whole, the blank line is missing: still an event. A line cut short is none.
        ("data: a\n", ["a"]), ("data: a", []), ("data: a\ndata: b", ["a"]), ("data: a\r", ["a"]),
        ("data: a\n\ndata: {\"cut\":", ["a"]),
    ]

    @Test("cut at every byte, and fed byte by byte, it says the same", arguments: streams)
    func cuts(_ text: String, _ events: [String]) {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            #expect(Heard([bytes[..<cut], bytes[cut...]]).events == events, "cut at \(cut)")
            #expect(Heard([bytes[..<cut], [], bytes[cut...]]).events == events, "cut at \(cut), nothing between")
        }
        #expect(Heard(bytes.indices.map { bytes[$0...$0] }).events == events)
    }

    @Test("line ends make no difference", arguments: ["\n", "\r\n", "\r"])
    func lineEnds(_ end: String) {
        let stream = "data: one\n: c\ndata: two\n\nevent: x\ndata: three\n\n"
        let bytes = Array(stream.replacing("\n", with: end).utf8)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                let heard = Heard([bytes[..<first], bytes[first..<second], bytes[second...]])
                #expect(heard.events == ["one\ntwo", "three"], "cut at \(first) and \(second)")
            }
        }
    }

    @Test(
        "an event of exactly the bound passes and one byte more does not, wherever it is cut",
        arguments: [
            ("data: 0123456789abcdef\n\n", true), ("data: 0123456789abcdefg\n\n", false),
            ("data: 01234567\ndata: 9abcdef\n\n", true), ("data: 01234567\ndata: 9abcdefg\n\n", false),
            ("data: 0123456789abcdef\ndata\n\n", false), ("data: ok\n\ndata: 0123456789abcdefg\n\n", false),
            ("\u{FEFF}data: 0123456789abcdef\n\n", true), (String(repeating: "data\n", count: 17) + "\n", true),
            (String(repeating: "data\n", count: 18) + "\n", false), (":" + String(repeating: "c", count: 400), false),
            (":" + String(repeating: "c", count: 400) + "\n\n", false), (String(repeating: ": c\n", count: 400), true),
        ])
    func bound(_ text: String, _ passes: Bool) {
        let bytes = Array(text.utf8)
        let whole = Heard([bytes[...]], limit: 16)
        #expect(whole.overflow == !passes)
        for cut in 0...bytes.count {
            #expect(Heard([bytes[..<cut], bytes[cut...]], limit: 16) == whole, "cut at \(cut)")
        }
        #expect(Heard(bytes.indices.map { bytes[$0...$0] }, limit: 16) == whole)
    }

    @Test("every event before an overflow was delivered")
    func deliveredBefore() {
        let heard = Heard([Array("data: a\n\ndata: 0123456789abcdefg\n\n".utf8)[...]], limit: 16)
        #expect(heard.events == ["a"])
        #expect(heard.overflow)
    }

    @Test("many small lines and one long one in small pieces")
    func volume() {
        let small = Array(String(repeating: "data: x\n\n", count: 10_000).utf8)
        #expect(Heard([small[...]]).events.count == 10_000)
        let long = Array("data: \(String(repeating: "y", count: 200_000))\n\n".utf8)
        let pieces = stride(from: 0, to: long.count, by: 7).map { long[$0..<min($0 + 7, long.count)] }
        #expect(Heard(pieces).events.first?.utf8.count == 200_000)
    }
}
