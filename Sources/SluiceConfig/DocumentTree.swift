/// A configuration file as a tree with positions: what is left of YAML once anchors, tags, directives and block
/// scalars are refused. The rest of the module sees this, not the YAML library.
struct DocumentNode: Equatable, Sendable {
    enum Content: Equatable, Sendable {
        /// Nothing after the colon, `~` or `null`.
        case null
        case scalar(Scalar)
        case mapping([Entry])
        case sequence([DocumentNode])
        /// Something about this node was reported already; whoever meets it says nothing more.
        case reported
    }

    struct Entry: Equatable, Sendable {
        let key: String
        let position: Position
        let value: DocumentNode
    }

    let position: Position
    let content: Content

    /// The kind of value, for "expected …, found …".
    var kind: String {
        switch content {
        case .null: "nothing"
        case .scalar(let scalar): scalar.kind
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .reported: "an unreadable value"
        }
    }
}

/// One scalar as it was written.
struct Scalar: Equatable, Sendable {
    let text: String
    let isQuoted: Bool

    /// True for what YAML's core schema would read as something other than text: `12`, `1.5`, `true`.
    var isBareNumberOrBoolean: Bool {
        guard !isQuoted else { return false }
        return ["true", "false", "True", "False", "TRUE", "FALSE"].contains(text) || Double(text) != nil
    }

    var kind: String {
        if isQuoted || !isBareNumberOrBoolean { return "the text \(quoted(text))" }
        return "\(text.first?.isLetter == true ? "the boolean" : "the number") \(text)"
    }
}
