/// Generates text that matches a regular expression of the plain sort: literals, escapes, classes, groups, alternation
/// and quantifiers. Anchors are taken for granted; back references and look-around are not understood.
struct PatternGenerator {
    private indirect enum Node {
        case characters([Unicode.Scalar])
        case sequence([Node])
        case choice([Node])
        case repetition(Node, ClosedRange<Int>)
    }

    /// Most repetitions of one node, the longest pattern that is read, and the most nodes that are walked through.
    private static let maxRepetitions = 256
    private static let maxPatternLength = 1024
    private static let maxSteps = 65_536

    private let pattern: [Unicode.Scalar]
    private var position = 0

    /// A matching text, or `nil` when the pattern is beyond this generator.
    static func text(for pattern: String, _ random: inout SplitMix64) -> String? {
        var parser = PatternGenerator(pattern: Array(pattern.unicodeScalars))
        guard parser.pattern.count <= maxPatternLength, let node = parser.alternation(depth: 0),
            parser.position == parser.pattern.count
        else { return nil }
        var output = String.UnicodeScalarView()
        var stepsLeft = maxSteps
        emit(node, into: &output, &stepsLeft, &random)
        return stepsLeft > 0 ? String(output) : nil
    }

    private static func emit(
        _ node: Node, into output: inout String.UnicodeScalarView, _ stepsLeft: inout Int, _ random: inout SplitMix64
    ) {
        stepsLeft -= 1
        guard stepsLeft > 0 else { return }
        switch node {
        case .characters(let set): output.append(set[random.index(below: set.count)])
        case .sequence(let nodes): for node in nodes { emit(node, into: &output, &stepsLeft, &random) }
        case .choice(let nodes): emit(nodes[random.index(below: nodes.count)], into: &output, &stepsLeft, &random)
        case .repetition(let node, let range):
            let count = range.lowerBound + random.index(below: range.count)
            for _ in 0..<count where stepsLeft > 0 { emit(node, into: &output, &stepsLeft, &random) }
        }
    }

    private init(pattern: [Unicode.Scalar]) {
        self.pattern = pattern
    }

    private var current: Unicode.Scalar? { position < pattern.count ? pattern[position] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard current == scalar else { return false }
        position += 1
        return true
    }

    private mutating func alternation(depth: Int) -> Node? {
        guard depth < 32 else { return nil }
        var branches: [Node] = []
        repeat {
            guard let branch = sequence(depth: depth) else { return nil }
            branches.append(branch)
        } while take("|")
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence(depth: Int) -> Node? {
        var nodes: [Node] = []
        while let scalar = current, scalar != "|", scalar != ")" {
            if take("^") || take("$") { continue }
            guard let atom = atom(depth: depth), let node = quantified(atom) else { return nil }
            nodes.append(node)
        }
        return .sequence(nodes)
    }

    private mutating func atom(depth: Int) -> Node? {
        guard let scalar = current else { return nil }
        position += 1
        switch scalar {
        case "(":
            if take("?"), !take(":") { return nil }
            guard let node = alternation(depth: depth + 1), take(")") else { return nil }
            return node
        case "[": return characterClass().map(Node.characters)
        case ".": return .characters(Self.letters)
        case "\\": return escape().map(Node.characters)
        case "*", "+", "?": return nil
        default: return .characters([scalar])
        }
    }

    private mutating func quantified(_ node: Node) -> Node? {
        var range: ClosedRange<Int>?
        if take("*") { range = 0...3 }
        if take("+") { range = 1...3 }
        if take("?") { range = 0...1 }
        if take("{") {
            guard let braces = braces() else { return nil }
            range = braces
        }
        _ = range != nil && take("?")
        return range.map { .repetition(node, $0) } ?? node
    }

    /// What stands between `{` and `}`: `n`, `n,` or `n,m`.
    private mutating func braces() -> ClosedRange<Int>? {
        guard let low = integer(), low <= Self.maxRepetitions else { return nil }
        var high = low
        if take(",") { high = integer() ?? low + 2 }
        guard take("}"), high >= low else { return nil }
        return low...min(high, max(low, Self.maxRepetitions))
    }

    private mutating func integer() -> Int? {
        var digits = ""
        while let scalar = current, ("0"..."9").contains(scalar), digits.count < 6 {
            digits.unicodeScalars.append(scalar)
            position += 1
        }
        return Int(digits)
    }
}

// MARK: Classes

extension PatternGenerator {
    private static let digits = Array("0123456789".unicodeScalars)
    private static let letters = Array("abcdefghijklmnopqrstuvwxyz".unicodeScalars)
    private static let printable = (0x21...0x7E).compactMap { Unicode.Scalar($0 as UInt32) }

    /// The class after a backslash, which is taken already.
    private mutating func escape() -> [Unicode.Scalar]? {
        guard let scalar = current else { return nil }
        position += 1
        switch scalar {
        case "d": return Self.digits
        case "w": return Self.letters + Self.digits + ["_"]
        case "s": return [" "]
        case "D", "S": return Self.letters
        case "W": return ["-"]
        case "n": return ["\n"]
        case "t": return ["\t"]
        case "b", "B", "k", "p", "P", "x", "u", "0"..."9": return nil
        default: return [scalar]
        }
    }

    /// The set between `[`, which is taken already, and `]`.
    private mutating func characterClass() -> [Unicode.Scalar]? {
        let isNegated = take("^")
        var set: [Unicode.Scalar] = []
        while let scalar = current, scalar != "]" {
            position += 1
            guard var members = scalar == "\\" ? escape() : [scalar] else { return nil }
            if members.count == 1, current == "-", position + 1 < pattern.count, pattern[position + 1] != "]" {
                let high = pattern[position + 1]
                position += 2
                guard high.value >= members[0].value, high.value - members[0].value < 4096 else { return nil }
                members = (members[0].value...high.value).compactMap(Unicode.Scalar.init)
            }
            set += members
        }
        guard take("]") else { return nil }
        let result = isNegated ? Self.printable.filter { !set.contains($0) } : set
        return result.isEmpty ? nil : result
    }
}
