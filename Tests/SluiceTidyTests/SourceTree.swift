import Foundation
import Testing

/// One Swift file: as it is, and as code alone.
struct SourceFile: Sendable, CustomTestStringConvertible {
    /// From the repository's root.
    let path: String
    let lines: [String]
    /// The same lines with comments gone and string literals emptied.
    let code: [String]

    /// The target it belongs to: the folder under `Sources`.
    var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
    var testDescription: String { path }

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        code = Self.stripped(lines)
    }

    private static func stripped(_ lines: [String]) -> [String] {
        var isInText = false
        return lines.map { line in
            if isInText {
                guard let end = line.range(of: "\"\"\"") else { return "" }
                isInText = false
                return "\"\"" + bare(String(line[end.upperBound...]))
            }
            guard let start = line.range(of: "\"\"\"") else { return bare(line) }
            isInText = true
            return bare(String(line[..<start.lowerBound])) + "\"\""
        }
    }

    private static func bare(_ line: String) -> String {
        line.replacing(#/#+".*?"#+/#, with: "\"\"").replacing(#/"(\\.|[^"\\])*"/#, with: "\"\"")
            .replacing(#/\/\/.*$/#, with: "")
    }
}

/// The repository as files, found from where this file stands.
enum SourceTree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let sources = swiftFiles("Sources")
    static let tests = swiftFiles("Tests")

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }

    /// Every file below a folder whose name ends so, in order.
    static func files(_ folder: String, _ ending: String) -> [String] {
        let walk = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
        let names = walk?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(ending) }.sorted().map { "\(folder)/\($0)" }
    }

    private static func swiftFiles(_ folder: String) -> [SourceFile] {
        files(folder, ".swift").compactMap { path in
            (try? text(path)).map { SourceFile(path: path, text: $0) }
        }
    }
}
