import Testing
import Yams

@testable import SluiceConfig

@Suite("Hostile text")
struct LexicalGuardTests {
    /// Text out of pieces that YAML gives a meaning to; the same for the same seed.
    static func soup(_ seed: UInt64) -> String {
        let pieces = [
            "a", "b: ", ": ", "- ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ", ", ",", "\"", "'", "''", "\\",
            "\\\"",
            "#", " #", "&x ", "*x", "&x", "!t ", "? ", "|", ">", "%", "---\n", "...\n", "\t", "\r\n", ":", "-",
            "\u{E9}",
            "<<: ", "\n- ", "x: &x [1]\n", "*x : ", "~",
        ]
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        var text = ""
        for _ in 0..<(4 + Int(seed % 40)) {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            text += pieces[Int(state % UInt64(pieces.count))]
        }
        return text
    }

    @Test("no alias and no anchor ever reaches the YAML library")
    func noAliases() throws {
        var composed = 0
        for seed in 0..<UInt64(10_000) {
            let text = Self.soup(seed)
            var walk = LexicalGuard(text: Array(text.unicodeScalars), problems: ProblemList(file: "soup"))
            walk.run()
            guard walk.isParseable else { continue }
            let masked = SourceLines(walk.masked).text
            do {
                let parser = try Parser(yaml: masked, resolver: .basic, encoding: .utf8)
                guard let root = try parser.singleRoot() else { continue }
                composed += 1
                #expect(!hasAnchor(root), "seed \(seed): \(text)")
                withExtendedLifetime(parser) {}
            } catch YamlError.composer(let context, let problem, _, _) where context == nil {
                Issue.record("seed \(seed): \(problem): \(text)")
            } catch {
                continue
            }
        }
        #expect(composed > 300)
    }

    @Test("an alias bomb is refused without being expanded")
    func aliasBomb() {
        var text = "a0: &a0 [x, x]\n"
        for level in 1..<64 { text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        text += "? *a63 : x\n*a63 : y\n"
        let error = #expect(throws: InvalidConfiguration.self) { try parse(text) }
        #expect(error?.problems.count == ProblemList.bound + 1)
        #expect(error?.problems.last?.message.hasPrefix("and ") == true)
    }

    @Test("brackets and indentation do not nest without bound", arguments: ["[", "{a: ", "- "])
    func nesting(_ piece: String) {
        let error = #expect(throws: InvalidConfiguration.self) { try parse(String(repeating: piece, count: 100_000)) }
        #expect(error?.problems.map(\.message) == ["nested deeper than 32 levels"])
    }

    @Test("a file of more than 1 MiB is refused")
    func tooLarge() {
        let text = String(repeating: "#", count: ConfigurationLoader.maximumFileSize)
        #expect(throws: Never.self) { try parse(text) }
        let error = #expect(throws: InvalidConfiguration.self) { try parse(text + "#") }
        #expect(error?.description == "sluice.yaml: the file is larger than 1MiB")
    }

    @Test("text that is not UTF-8 is refused at its place")
    func notUTF8() {
        let error = #expect(throws: InvalidConfiguration.self) {
            try ConfigurationLoader.parse(Array("agent:\n  a".utf8) + [0xC3, 0x28], file: "sluice.yaml")
        }
        #expect(error?.description == "sluice.yaml:2:4: the file is not UTF-8; convert it")
    }

    @Test("a byte-order mark at the start and CRLF line ends are accepted")
    func windowsText() throws {
        let configuration = try ConfigurationLoader.parse(
            [0xEF, 0xBB, 0xBF] + Array("agent:\r\n  drain_timeout: 7s\r\n".utf8), file: "sluice.yaml")
        #expect(configuration.agent.drainTimeout == .seconds(7))
    }

    private func hasAnchor(_ node: Node) -> Bool {
        if node.anchor != nil { return true }
        switch node {
        case .scalar: return false
        case .alias: return true
        case .sequence(let items): return items.contains(where: hasAnchor)
        case .mapping(let pairs): return pairs.contains { hasAnchor($0.key) || hasAnchor($0.value) }
        }
    }
}
