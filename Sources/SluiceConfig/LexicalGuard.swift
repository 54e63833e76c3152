/// Walks the text once before it reaches the YAML library and refuses what a configuration never needs and an attacker
/// likes: anchors and aliases (the "billion laughs" expansion), tags, directives, block scalars, `?` keys, quoted
/// strings over several lines, escapes beyond `\"`, `\\` and `\/`, deep nesting, control characters.
///
/// Each refused token is reported with its place and *masked* (see ``mask(_:)``), so that the text still parses and
/// every other problem of the file is found in the same run. The walk is sound in the direction that matters: libyaml
/// never sees an anchor or alias indicator where it would read one. Where the two could disagree (a quote that starts a
/// continuation line) the text is refused.
struct LexicalGuard {
    /// What stands for the first character of something that was already reported: characters for private use, which
    /// a file may not contain, so the two cannot be confused. Each mask is another one, lest two masked keys be equal.
    private static let masks: ClosedRange<UInt32> = 0xE000...0xF8FF
    /// Levels of nesting, block and flow together; the schema needs 6.
    static let maximumDepth = 32

    private(set) var masked: [Unicode.Scalar]
    private let problems: ProblemList
    private var line = 1
    private var lineStart = 0
    private var index = 0
    private var indents: [Int] = []
    private var flowDepth = 0
    private var isAtTokenStart = true
    /// False once something was found that would make libyaml read the rest otherwise than this walk did.
    private(set) var isParseable = true

    init(text: [Unicode.Scalar], problems: ProblemList) {
        self.masked = text
        self.problems = problems
    }

    /// Runs the walk to the end of the text.
    mutating func run() {
        while index < masked.count, isParseable {
            step(masked[index])
        }
    }

    private mutating func step(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\n": newLine()
        case " ", "\t": index += 1
        case "\r" where peek(1) == "\n": index += 1
        case "#" where isAtTokenStart || index == lineStart || isBlank(masked[index - 1]): skipComment()
        case _ where isForbidden(scalar): refuseCharacter(scalar)
        case _ where isAtTokenStart: startToken(scalar)
        default: continuePlain(scalar)
        }
    }

    private mutating func newLine() {
        index += 1
        line += 1
        lineStart = index
        // Inside brackets a plain scalar goes on over the line's end; outside, the next line is looked at afresh.
        if flowDepth == 0 { isAtTokenStart = true }
    }

    private mutating func skipComment() {
        while index < masked.count, masked[index] != "\n" {
            if isForbidden(masked[index]) { refuseCharacter(masked[index]) } else { index += 1 }
        }
        isAtTokenStart = true
    }

    // MARK: Tokens

    private mutating func startToken(_ scalar: Unicode.Scalar) {
        if index == lineStart, scalar == "%" { return refuseDirective() }
        if isDocumentMarker { return index += 3 }
        if flowDepth == 0 { noteIndent() }
        switch scalar {
        case "\"", "'": skipQuoted(scalar)
        case "[", "{": openFlow()
        case "]", "}": closeFlow()
        case ",": index += 1
        case "-" where isBlankOrEnd(peek(1)): index += 1
        case ":" where flowDepth > 0 || isBlankOrEnd(peek(1)): index += 1
        case "&": refuseProperty("anchors are not supported", "write the value out where it is needed")
        case "*": refuse("an unquoted * starts a YAML alias, and aliases are not supported", "quote it, as in \"*\"")
        case "!": refuseProperty("YAML tags are not supported", "remove the tag, or quote the text")
        case "|", ">": refuse("block scalars are not supported", "write the text in quotes on one line"); refuseRest()
        case "?": refuse("a value cannot start with an unquoted ?", "quote it")
        default:
            isAtTokenStart = false
            continuePlain(scalar)
        }
    }

    private mutating func continuePlain(_ scalar: Unicode.Scalar) {
        switch scalar {
        case ":" where isBlankOrEnd(peek(1)): isAtTokenStart = true
        case ":" where flowDepth > 0 && isFlowIndicator(peek(1)): isAtTokenStart = true
        case ",", "[", "]", "{", "}":
            guard flowDepth > 0 else { break }
            isAtTokenStart = true
            return
        default: break
        }
        index += 1
    }

    private mutating func skipQuoted(_ quote: Unicode.Scalar) {
        let start = position
        index += 1
        while index < masked.count, masked[index] != "\n" {
            let scalar = masked[index]
            if scalar == quote, !(quote == "'" && peek(1) == "'") { return index += 1 }
            switch scalar {
            case "'": index += quote == "'" ? 2 : 1
            case "\\" where quote == "\"": skipEscape()
            case _ where isForbidden(scalar): refuseCharacter(scalar)
            default: index += 1
            }
        }
        fail(at: start, Fault("a quoted text must end on the line it starts on", suggestion: "close the quote"))
    }

    private mutating func skipEscape() {
        switch peek(1) {
        case "\"", "\\", "/": index += 2
        default:
            problems.add(
                at: position, path: "",
                Fault("of the escapes only \\\" and \\\\ are supported", suggestion: "write the character itself"))
            masked[index] = Self.mask(index)
            index += 1
        }
    }

    private mutating func openFlow() {
        flowDepth += 1
        index += 1
        checkDepth()
    }

    private mutating func closeFlow() {
        flowDepth = max(0, flowDepth - 1)
        index += 1
    }

    private mutating func noteIndent() {
        let column = index - lineStart
        while let last = indents.last, last > column { indents.removeLast() }
        if indents.last != column { indents.append(column) }
        checkDepth()
    }

    private mutating func checkDepth() {
        guard indents.count + flowDepth > Self.maximumDepth else { return }
        fail(at: position, Fault("nested deeper than \(Self.maximumDepth) levels"))
    }

    // MARK: Refusals

    private var position: Position { Position(line: line, column: index - lineStart + 1) }

    private mutating func refuse(_ message: String, _ suggestion: String) {
        problems.add(at: position, path: "", Fault(message, suggestion: suggestion))
        masked[index] = Self.mask(index)
        index += 1
        isAtTokenStart = false
    }

    /// An anchor or a tag belongs to the value after it; without it that value can still be checked.
    private mutating func refuseProperty(_ message: String, _ suggestion: String) {
        problems.add(at: position, path: "", Fault(message, suggestion: suggestion))
        while let scalar = peek(0), !isBlankOrEnd(scalar), !isFlowIndicator(scalar) { blankOut() }
    }

    private mutating func refuseDirective() {
        problems.add(at: position, path: "", Fault("YAML directives are not supported", suggestion: "remove this line"))
        while let scalar = peek(0), scalar != "\n" { blankOut() }
    }

    private mutating func blankOut() {
        masked[index] = " "
        index += 1
    }

    /// After a block scalar's header the lines that follow are its text; reading them as YAML would only add noise.
    private mutating func refuseRest() {
        isParseable = false
    }

    private mutating func refuseCharacter(_ scalar: Unicode.Scalar) {
        let code = String(scalar.value, radix: 16, uppercase: true)
        let name = "U+" + String(repeating: "0", count: max(0, 4 - code.count)) + code
        problems.add(at: position, path: "", Fault("the character \(name) is not allowed in a configuration file"))
        masked[index] = Self.mask(index)
        index += 1
    }

    private mutating func fail(at position: Position, _ fault: Fault) {
        problems.add(at: position, path: "", fault)
        isParseable = false
    }

    // MARK: Characters

    /// The mask number `count`, in turn out of 6,400.
    static func mask(_ count: Int) -> Unicode.Scalar {
        Unicode.Scalar(masks.lowerBound + UInt32(count % masks.count)) ?? "\u{E000}"
    }

    /// True for text of which something was already reported.
    static func isMasked(_ text: String) -> Bool {
        text.unicodeScalars.contains { masks.contains($0.value) }
    }

    private func peek(_ offset: Int) -> Unicode.Scalar? {
        index + offset < masked.count ? masked[index + offset] : nil
    }

    private var isDocumentMarker: Bool {
        guard index == lineStart, let first = peek(0), first == "-" || first == "." else { return false }
        return peek(1) == first && peek(2) == first && isBlankOrEnd(peek(3))
    }

    private func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || scalar == "\t"
    }

    private func isBlankOrEnd(_ scalar: Unicode.Scalar?) -> Bool {
        guard let scalar else { return true }
        return isBlank(scalar) || scalar == "\n" || scalar == "\r"
    }

    private func isFlowIndicator(_ scalar: Unicode.Scalar?) -> Bool {
        switch scalar {
        case ",", "[", "]", "{", "}", "?": true
        default: false
        }
    }

    /// Control characters, every line break that is not LF (libyaml would break the line there and this walk would
    /// not), byte-order marks, and the mask itself.
    private func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A: false
        case 0x0D: peek(1) != "\n"
        case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, Self.masks, 0xFFFE, 0xFFFF: true
        default: false
        }
    }
}
