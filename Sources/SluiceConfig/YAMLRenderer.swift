extension Configuration {
    /// The configuration as a file that can be read back, with a comment over every setting that says what it is for.
    /// Settings that are not set stand there as comments. Keys cannot appear: the file only names where they are.
    package func yaml() -> String {
        var renderer = YAMLRenderer()
        renderer.write(renderedFields, margin: "")
        return renderer.text
    }
}

private struct YAMLRenderer {
    private(set) var text = ""

    mutating func write(_ fields: [RenderedField], margin: String, first: String? = nil) {
        var lead = first
        for field in fields {
            let commentMargin = lead == nil ? margin : String(margin.dropLast(2))
            if !field.comment.isEmpty { text += "\(commentMargin)# \(field.comment)\n" }
            write(field, lead: lead ?? margin, margin: margin)
            lead = nil
        }
    }

    private mutating func write(_ field: RenderedField, lead: String, margin: String) {
        let name = isPlain(field.name) ? field.name : JSONText.quote(field.name)
        switch field.value {
        case .absent:
            text += "\(lead)# \(name):\n"
            writeSkeleton(field, margin: margin)
        case .number(let number): text += "\(lead)\(name): \(number)\n"
        case .flag(let flag): text += "\(lead)\(name): \(flag)\n"
        case .bare(let word): text += "\(lead)\(name): \(word)\n"
        case .text(let value): text += "\(lead)\(name): \(JSONText.quote(value))\n"
        case .fields(let fields):
            text += "\(lead)\(name):\n"
            write(fields, margin: margin + "  ")
        case .list(let items) where items.isEmpty:
            text += "\(lead)\(name): []\n"
            writeSkeleton(field, margin: margin)
        case .list(let items):
            text += "\(lead)\(name):\n"
            for item in items { write(item, margin: margin + "  ") }
        }
    }

    private mutating func write(_ item: Rendered, margin: String) {
        switch item {
        case .fields(let fields): write(fields, margin: margin + "  ", first: margin + "- ")
        case .number, .flag, .bare, .text, .list, .absent: text += "\(margin)- \(item.summary)\n"
        }
    }

    /// What one item would hold of a list that is empty or not set, as comments.
    private mutating func writeSkeleton(_ field: RenderedField, margin: String) {
        guard !field.itemFields.isEmpty else { return }
        var skeleton = YAMLRenderer()
        skeleton.write(.fields(field.itemFields), margin: "  ")
        text += "\(margin)# \(field.name): with items of the form\n"
        for line in skeleton.text.split(separator: "\n") { text += "\(margin)# \(line)\n" }
    }

    private func isPlain(_ name: String) -> Bool {
        name.utf8.first.map { isLetterOrDigit($0) } ?? false
            && name.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x5F || $0 == 0x2D }
    }
}
