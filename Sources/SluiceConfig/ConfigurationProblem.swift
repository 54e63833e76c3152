/// One thing that is wrong with a configuration file, with the place where it stands and, where one is known, its cure.
package struct ConfigurationProblem: Error, Equatable, Sendable {
    /// The file's name as the caller gave it, or `environment` for a value that came from a variable.
    package let file: String
    /// Line, from 1; 0 when the problem concerns the file as a whole.
    package let line: Int
    /// Column in Unicode scalars, from 1; 0 when the problem concerns the file as a whole.
    package let column: Int
    /// The setting's path, such as `upstreams[0].timeouts.connect`; empty for the document itself.
    package let path: String
    /// What is wrong. Never contains a key: text that looks like one is replaced before it gets here.
    package let message: String
    /// What to do about it.
    package let suggestion: String?

    /// Creates a problem.
    package init(
        file: String, line: Int = 0, column: Int = 0, path: String = "", message: String, suggestion: String? = nil
    ) {
        self.file = file
        self.line = line
        self.column = column
        self.path = path
        self.message = message
        self.suggestion = suggestion
    }
}

extension ConfigurationProblem: CustomStringConvertible {
    /// One line in the form compilers use, so that editors can jump to it:
    /// `file:line:column: path: message; suggestion`.
    package var description: String {
        var text = line > 0 ? "\(file):\(line):\(column): " : "\(file): "
        if !path.isEmpty { text += "\(path): " }
        text += message
        if let suggestion { text += "; \(suggestion)" }
        return text
    }
}

/// Everything that is wrong with a configuration, in the order of the file; thrown instead of the first problem.
package struct InvalidConfiguration: Error, Equatable, Sendable, CustomStringConvertible {
    /// At least one and at most ``ProblemList/bound`` problems, plus one that counts what was left out.
    package let problems: [ConfigurationProblem]

    /// Creates an error out of its problems.
    package init(problems: [ConfigurationProblem]) {
        self.problems = problems
    }

    /// One line per problem.
    package var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}

/// Collects problems while one file is read. Not shared between threads.
final class ProblemList {
    /// More problems than this are counted, not kept: a file that is not a configuration at all stays readable.
    static let bound = 100

    let file: String
    private var kept: [ConfigurationProblem] = []
    private var leftOut = 0

    init(file: String) {
        self.file = file
    }

    var isEmpty: Bool { kept.isEmpty }

    /// How many problems were found, kept or not.
    var count: Int { kept.count + leftOut }

    func add(at position: Position, path: String, _ fault: Fault) {
        guard kept.count < Self.bound else {
            leftOut += 1
            return
        }
        kept.append(
            ConfigurationProblem(
                file: file, line: position.line, column: position.column, path: path,
                message: fault.message, suggestion: fault.suggestion))
    }

    /// The problems by their place in the file; problems at the same place keep the order in which they were found.
    func sorted() -> [ConfigurationProblem] {
        var result = kept.enumerated()
            .sorted {
                ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
            }
            .map(\.element)
        if leftOut > 0 {
            result.append(ConfigurationProblem(file: file, message: "and \(leftOut) more problems"))
        }
        return result
    }
}

/// What is wrong with one value, before it is known where the value stands.
struct Fault: Error, Equatable {
    let message: String
    var suggestion: String?

    init(_ message: String, suggestion: String? = nil) {
        self.message = message
        self.suggestion = suggestion
    }
}

/// A place in the file, both from 1; columns count Unicode scalars, as libyaml does.
struct Position: Equatable, Sendable {
    let line: Int
    let column: Int

    static let start = Position(line: 1, column: 1)
    static let wholeFile = Position(line: 0, column: 0)
}

/// Shows a piece of the file inside a message: quoted, control characters escaped, cut at 40 characters, and
/// replaced altogether when it looks like an OpenAI key, because people do paste keys into the wrong place.
func quoted(_ text: String) -> String {
    if text.contains("sk-") || text.contains("Bearer ") { return "(hidden: looks like a key)" }
    var shown = ""
    for scalar in text.unicodeScalars.prefix(40) {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
            shown += "\\u{\(String(scalar.value, radix: 16))}"
        default:
            if scalar == "\"" || scalar == "\\" { shown += "\\" }
            shown.unicodeScalars.append(scalar)
        }
    }
    return "\"\(shown)\(text.unicodeScalars.count > 40 ? "…" : "")\""
}
