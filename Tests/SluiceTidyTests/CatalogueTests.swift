import Foundation
import SluiceConfig
import SluiceTelemetry
import SluiceWire
import Testing

@Suite("The house: catalogues and documents say the same")
struct CatalogueTests {
    private struct Vocabulary: Decodable {
        struct Entry: Decodable {
            let code: String
            let retryable: Bool
        }

        let errors: [Entry]
    }

    private func vocabulary() throws -> [Vocabulary.Entry] {
        try JSONDecoder().decode(Vocabulary.self, from: Data(SourceTree.text("protocol/errors.json").utf8)).errors
    }

    @Test("Error codes are the same in code, in errors.json and in PROTOCOL.md, in the same order")
    func errorCodes() throws {
        let codes = ErrorCode.allCases.map(\.rawValue)
        #expect(try vocabulary().map(\.code) == codes)
        let page = try SourceTree.text("protocol/PROTOCOL.md")
        let rows = page.matches(of: #/(?m)^\| `((?:caller|policy|provider)_\w+|internal)` \| (?:yes|no) \|/#)
        #expect(rows.map { String($0.1) } == codes)
    }

    @Test("Whether a code is retryable is said once", arguments: ErrorCode.allCases)
    func retryable(_ code: ErrorCode) throws {
        let entry = try #require(vocabulary().first { $0.code == code.rawValue })
        #expect(entry.retryable == code.retryable)
        let page = try SourceTree.text("protocol/PROTOCOL.md")
        #expect(page.contains("| `\(code.rawValue)` | \(code.retryable ? "yes" : "no") |"))
    }

    @Test("Every error code has a place that raises it")
    func everyCodeIsUsed() throws {
        let declaration = try #require(SourceTree.sources.first { $0.path.hasSuffix("SluiceWire/ErrorCode.swift") })
        let names = declaration.lines.compactMap { line in
            line.wholeMatch(of: #/\s+case `?(\w+)`? = "\w+"/#).map { String($0.1) }
        }
        #expect(names.count == ErrorCode.allCases.count)
        let elsewhere = SourceTree.sources.filter {
            $0.path != declaration.path && !["SluiceClient", "SluiceBench", "sluice"].contains($0.target)
        }.flatMap(\.code).joined(separator: "\n")
        let unused = try names.filter { name in
            let use = try Regex("\\.\(name)\\b")
            return !elsewhere.contains(use)
        }
        #expect(unused.isEmpty)
    }

    private static var metricName: Regex<(Substring, Substring)> {
        #/
        \b(sluice_[a-z_]+_
            (?:total|seconds|bytes|depth|info|in_flight|limit|open|minute|ratio)
            (?:_bucket|_sum|_count)?
        |sluice_connections)\b
        /#
    }

    @Test("Metrics are documented where a document lists any, and a document lists none that is not there")
    func metrics() throws {
        let names = Set(MetricCatalogue.all.map(\.name))
        let documents = SourceTree.files("systemd", ".md") + ["README.md", "Sources/README.md", "systemd/METRICS.md"]
        let derived = ["_bucket", "_sum", "_count"]
        var documented: Set<String> = []
        for document in Set(documents) where SourceTree.exists(document) {
            for match in try SourceTree.text(document).matches(of: Self.metricName) {
                var name = String(match.1)
                for ending in derived where name.hasSuffix(ending) && !names.contains(name) {
                    name.removeLast(ending.count)
                }
                #expect(names.contains(name), "\(document) names \(name), which is no metric")
                documented.insert(name)
            }
        }
        // A table of metrics is whole, or it is no table.
        let own = names.filter { $0.hasPrefix("sluice_") }
        if documented.count > own.count / 2 { #expect(own.subtracting(documented).isEmpty) }
    }

    @Test("Every example configuration is accepted", arguments: SourceTree.files("systemd", ".yaml"))
    func examples(_ path: String) throws {
        #expect(throws: Never.self) {
            try ConfigurationLoader.load(path: SourceTree.root.appending(path: path).path, environment: [:])
        }
    }

    @Test("Settings that the documents name exist")
    func settings() throws {
        let paths = Set(Catalogue.settings.map(\.path))
        let sections = Set(
            paths.flatMap { path in
                path.indices.filter { path[$0] == "." }.map { String(path[..<$0]) }
            })
        let tops = Set(paths.compactMap { $0.split(whereSeparator: { ".[".contains($0) }).first }).joined(
            separator: "|")
        let pattern = try Regex("`((?:\(tops))(?:\\[\\])?\\.[a-z_\\[\\].]+)`", as: (Substring, Substring).self)
        for document in ["protocol/PROTOCOL.md", "systemd/README.md"] {
            for match in try SourceTree.text(document).matches(of: pattern) {
                let name = String(match.output.1)
                if name.hasSuffix(".sock") { continue }
                #expect(paths.contains(name) || sections.contains(name), "\(document) names \(name)")
            }
        }
    }

    @Test("Every bound of PROTOCOL.md that has a setting has one of the catalogue")
    func bounds() throws {
        let paths = Set(Catalogue.settings.map(\.path)).union(["limits.default_deadline"])
        let page =
            try SourceTree.text("protocol/PROTOCOL.md").split(separator: "\n## 11. ").last?
            .split(separator: "\n## 12. ").first ?? ""
        let rows = page.matches(of: #/(?m)^\| `\w+` \| [^|]+ \| [^|]+ \| `([a-z_\[\].]+)` \|/#)
        #expect(rows.count > 10)
        for row in rows { #expect(paths.contains(String(row.1)), "\(row.1)") }
    }
}
