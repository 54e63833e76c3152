import Testing

@Suite("The house: how a file looks")
struct StyleTests {
    private static let maxColumns = 120
    private static let maxLines = 500
    private static let maxFunctionLines = 70

    @Test("No escape hatch, no note to self", arguments: SourceTree.sources)
    func bannedTokens(_ file: SourceFile) {
        let banned = [#/\btry!/#, #/\bas!/#, #/\bfatalError\b/#]
        for (number, line) in file.code.enumerated() {
            for pattern in banned {
                #expect(line.firstMatch(of: pattern) == nil, "\(file.path):\(number + 1): \(file.lines[number])")
            }
            let note = file.lines[number].firstMatch(of: #/\b(?:TODO|FIXME|XXX|HACK)\b/#)
            #expect(note == nil, "\(file.path):\(number + 1): \(file.lines[number])")
        }
    }

    @Test(
        "No line has more than 120 columns, a tab, or blanks at its end",
        arguments: SourceTree.sources + SourceTree.tests)
    func lines(_ file: SourceFile) {
        for (number, line) in file.lines.enumerated() {
            #expect(line.count <= Self.maxColumns, "\(file.path):\(number + 1) has \(line.count) columns")
            #expect(!line.contains("\t"), "\(file.path):\(number + 1) has a tab")
            #expect(line.last != " ", "\(file.path):\(number + 1) ends in a blank")
        }
    }

    @Test("No file is longer than 500 lines", arguments: SourceTree.sources + SourceTree.tests)
    func fileLength(_ file: SourceFile) {
        #expect(file.lines.count <= Self.maxLines, "\(file.path) has \(file.lines.count) lines")
    }

    @Test("No function is longer than 70 lines", arguments: SourceTree.sources + SourceTree.tests)
    func functionLength(_ file: SourceFile) {
        for function in Self.functions(file) {
            #expect(
                function.length <= Self.maxFunctionLines,
                "\(file.path):\(function.line): \(function.length) lines: \(file.lines[function.line - 1])")
        }
    }

    @Test("The measure of functions finds them all, nested ones too")
    func measure() {
        let text = """
            struct A {
                init() {
                    b()
                }
                func b() {
                    func c() { d("}") } // }
                }
                var e: Int { 1 }
            }
            """
        let found = Self.functions(SourceFile(path: "Sources/X/A.swift", text: text))
        #expect(found.map(\.line) == [2, 6, 5] && found.map(\.length) == [3, 1, 3])
    }

    private static var function: Regex<Substring> { #/\bfunc\s|\binit[?(<]|\bdeinit\b|\bsubscript\s*[(<]/# }

    private struct Function {
        let line: Int
        let length: Int
    }

    /// Functions by counting braces, in the order of their ends.
    private static func functions(_ file: SourceFile) -> [Function] {
        var found: [Function] = []
        var open: [(line: Int, depth: Int)] = []
        var depth = 0
        var announced: Int?
        for (number, line) in file.code.enumerated() {
            if line.firstMatch(of: Self.function) != nil { announced = number + 1 }
            for character in line {
                if character == "{" {
                    if let start = announced { open.append((start, depth)) }
                    announced = nil
                    depth += 1
                } else if character == "}" {
                    depth -= 1
                    if let last = open.last, last.depth == depth {
                        open.removeLast()
                        found.append(Function(line: last.line, length: number + 2 - last.line))
                    }
                }
            }
            // A requirement of a protocol, or a call of init, has no body.
            if announced == number + 1, line.hasSuffix(")") || line.isEmpty { announced = nil }
        }
        return found
    }

    @Test("Sources have documentation on everything package-wide", arguments: SourceTree.sources.filter(isSwiftTarget))
    func documentation(_ file: SourceFile) {
        for (number, line) in file.lines.enumerated() where line.firstMatch(of: Self.typeDeclaration) != nil {
            var above = number - 1
            while above >= 0, file.lines[above].firstMatch(of: #/^\s*@/#) != nil { above -= 1 }
            let comment = above >= 0 ? file.lines[above] : ""
            #expect(comment.firstMatch(of: #/^\s*\/\/\//#) != nil, "\(file.path):\(number + 1): \(line)")
        }
    }

    private static var typeDeclaration: Regex<Substring> {
        #/^\s*(?:public|package) (?:final )?(?:struct|class|enum|protocol|actor|typealias) /#
    }

    private static func isSwiftTarget(_ file: SourceFile) -> Bool { file.target.hasPrefix("Sluice") }
}
