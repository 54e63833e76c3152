import Yams

/// Turns the text of a file into a ``DocumentNode``, or into problems. The only file that knows the YAML library.
enum YAMLReader {
    /// A file is re-read once per duplicate key; beyond this many the rest of the file is not looked at.
    private static let maximumDuplicates = 16

    /// Reads one document. Returns nil when the file could not be read as YAML at all (the problem is in `problems`);
    /// an empty file is an empty mapping.
    static func read(_ text: String, problems: ProblemList) -> DocumentNode? {
        var walk = LexicalGuard(text: Array(text.unicodeScalars), problems: problems)
        walk.run()
        guard walk.isParseable else { return nil }
        var lines = SourceLines(walk.masked)
        for _ in 0...maximumDuplicates {
            do {
                return try parse(lines.text)
            } catch YamlError.duplicatedKeysInMapping(let names, let context) {
                guard report(names, context.mark, in: &lines, problems: problems) else { return nil }
            } catch {
                problems.add(at: position(of: error), path: "", fault(of: error))
                return nil
            }
        }
        return nil
    }

    private static func parse(_ text: String) throws -> DocumentNode {
        // `.basic` resolves no types: what a scalar means is decided by the setting it is written for.
        let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
        guard let root = try parser.singleRoot() else {
            return DocumentNode(position: .start, content: .mapping([]))
        }
        return convert(root)
    }

    private static func convert(_ node: Node) -> DocumentNode {
        DocumentNode(position: position(of: node), content: content(of: node))
    }

    private static func content(of node: Node) -> DocumentNode.Content {
        switch node {
        case .scalar(let scalar): content(of: scalar)
        case .sequence(let sequence): .sequence(sequence.map(convert))
        case .mapping(let mapping): .mapping(mapping.map(entry))
        case .alias: .reported
        }
    }

    private static func content(of scalar: Node.Scalar) -> DocumentNode.Content {
        if LexicalGuard.isMasked(scalar.string) { return .reported }
        let isQuoted = scalar.style == .singleQuoted || scalar.style == .doubleQuoted
        if !isQuoted, ["", "~", "null", "Null", "NULL"].contains(scalar.string) { return .null }
        return .scalar(Scalar(text: scalar.string, isQuoted: isQuoted))
    }

    private static func entry(key: Node, value: Node) -> DocumentNode.Entry {
        // A list or a mapping as a key has no name; the empty name is never allowed, so it is reported as unknown.
        DocumentNode.Entry(key: key.scalar?.string ?? "", position: position(of: key), value: convert(value))
    }

    private static func position(of node: Node) -> Position {
        node.mark.map { Position(line: $0.line, column: $0.column) } ?? .start
    }

    // MARK: What the library throws

    private static func report(
        _ names: [String], _ mark: Mark, in lines: inout SourceLines, problems: ProblemList
    ) -> Bool {
        let first = Position(line: mark.line, column: mark.column)
        let name = lines.key(at: first, among: names) ?? names.first ?? ""
        let second = lines.maskRepetition(of: name, after: first)
        let cure = second == nil ? "keep one of them" : "the first is on line \(first.line); keep one of them"
        problems.add(at: second ?? first, path: "", Fault("duplicate key \(quoted(name))", suggestion: cure))
        return second != nil
    }

    private static func position(of error: any Error) -> Position {
        switch error {
        case YamlError.scanner(_, _, let mark, _), YamlError.parser(_, _, let mark, _),
            YamlError.composer(_, _, let mark, _):
            Position(line: mark.line, column: mark.column)
        default: .wholeFile
        }
    }

    private static func fault(of error: any Error) -> Fault {
        switch error {
        case YamlError.composer(let context, let problem, _, _) where context != nil:
            problem.contains("another document")
                ? Fault("a configuration file holds one document", suggestion: "remove everything from this line on")
                : Fault("not valid YAML: \(problem)")
        case YamlError.scanner(let context, let problem, _, _), YamlError.parser(let context, let problem, _, _),
            YamlError.composer(let context, let problem, _, _):
            Fault("not valid YAML: \(explanation(problem, context))")
        case YamlError.reader(let problem, _, _, _): Fault("not valid YAML: \(problem)")
        default: Fault("not valid YAML")
        }
    }

    private static func explanation(_ problem: String, _ context: YamlError.Context?) -> String {
        guard let context else { return problem }
        return "\(problem) (\(context.text), from line \(context.mark.line))"
    }
}
