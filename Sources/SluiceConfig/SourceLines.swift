/// The text by lines, for finding the second of two equal keys: the YAML library tells only where the first one is,
/// and stops there. Masking the repetition lets the rest of the file be read.
struct SourceLines {
    private var lines: [[Unicode.Scalar]]

    init(_ scalars: [Unicode.Scalar]) {
        lines = scalars.split(separator: "\n", omittingEmptySubsequences: false).map(Array.init)
    }

    var text: String {
        var view = String.UnicodeScalarView()
        for (index, line) in lines.enumerated() {
            if index > 0 { view.append("\n") }
            view.append(contentsOf: line)
        }
        return String(view)
    }

    /// Which of the names stands at a position, bare or in quotes.
    func key(at position: Position, among names: [String]) -> String? {
        names.first { isKey($0, at: position) }
    }

    /// Finds the next key of the same mapping with this name, puts the mask over its first character and returns its
    /// place. Nil when it cannot be told (keys inside `{…}`): then the file is reported by its first key only.
    mutating func maskRepetition(of name: String, after first: Position) -> Position? {
        for line in (first.line + 1)..<max(first.line + 1, lines.count + 1) {
            let text = lines[line - 1]
            guard let start = text.firstIndex(where: { $0 != " " && $0 != "\r" }), text[start] != "#" else { continue }
            guard start >= first.column - 1 else { return nil }
            let candidate = Position(line: line, column: first.column)
            guard start == first.column - 1, isKey(name, at: candidate) else { continue }
            lines[line - 1][start] = LexicalGuard.mask(line)
            return candidate
        }
        return nil
    }

    private func isKey(_ name: String, at position: Position) -> Bool {
        guard position.line >= 1, position.line <= lines.count, position.column >= 1 else { return false }
        let rest = lines[position.line - 1].dropFirst(position.column - 1)
        let spellings = [name, "\"\(name)\"", "'\(name)'"].map { Array($0.unicodeScalars) }
        return spellings.contains { spelling in
            guard rest.starts(with: spelling) else { return false }
            return rest.dropFirst(spelling.count).first { $0 != " " && $0 != "\t" } == ":"
        }
    }
}
