/// Where a value stands among the settings, and where problems with it go.
struct Place {
    let path: String
    let problems: ProblemList

    func child(_ name: String) -> Place {
        Place(path: path.isEmpty ? name : "\(path).\(name)", problems: problems)
    }

    func item(_ index: Int) -> Place {
        Place(path: "\(path)[\(index)]", problems: problems)
    }

    func report(_ position: Position, _ fault: Fault) {
        problems.add(at: position, path: path, fault)
    }

    /// Reads one plain value; nil after a problem.
    func scalar<Value>(_ node: DocumentNode, _ type: ValueType<Value>) -> Value? {
        switch node.content {
        case .reported: return nil
        case .null:
            report(
                node.position,
                Fault("expected \(type.name), found nothing", suggestion: "remove the line to use the default"))
            return nil
        case .mapping, .sequence:
            report(node.position, Fault("expected \(type.name), found \(node.kind)"))
            return nil
        case .scalar(let scalar):
            do {
                return try type.parse(scalar)
            } catch {
                report(node.position, error)
                return nil
            }
        }
    }

    /// The items of a list with their places; nil after a problem. Nothing after the colon is an empty list.
    func items(_ node: DocumentNode, maximum: Int) -> [(node: DocumentNode, place: Place)]? {
        switch node.content {
        case .reported: return nil
        case .null: return []
        case .sequence(let items) where items.count <= maximum:
            return items.enumerated().map { ($0.element, item($0.offset)) }
        case .sequence(let items):
            tooMany(items.count, maximum, node)
            return nil
        case .scalar, .mapping:
            report(
                node.position, Fault("expected a list, found \(node.kind)", suggestion: "start each item with \"- \""))
            return nil
        }
    }

    func tooMany(_ count: Int, _ maximum: Int, _ node: DocumentNode) {
        report(node.position, Fault("\(count) items are too many", suggestion: "at most \(maximum)"))
    }

    /// The entries of a mapping; nil after a problem. Nothing after the colon is an empty mapping.
    func entries(_ node: DocumentNode) -> [DocumentNode.Entry]? {
        switch node.content {
        case .reported: return nil
        case .null: return []
        case .mapping(let entries): return entries.filter { !LexicalGuard.isMasked($0.key) }
        case .scalar, .sequence:
            report(node.position, Fault("expected a section of \"name: value\" lines, found \(node.kind)"))
            return nil
        }
    }

    /// Reads a section over its defaults; every problem is reported, and what could not be read keeps its default.
    func section<Root: ConfigurationSection>(_ node: DocumentNode, _ defaults: Root) -> Root {
        var root = defaults
        guard let entries = entries(node) else { return root }
        for entry in entries {
            guard let field = Root.fields.first(where: { $0.name == entry.key }) else {
                reportUnknown(entry, among: Root.fields.map(\.name))
                continue
            }
            field.read(entry.value, &root, child(field.name))
        }
        for field in Root.fields where field.isRequired && !entries.contains(where: { $0.key == field.name }) {
            child(field.name).report(
                node.position, Fault("missing and without a default", suggestion: "add \(field.name)"))
        }
        root.check(SectionPlace(place: self, node: node, entries: entries))
        return root
    }

    func reportUnknown(_ entry: DocumentNode.Entry, among allowed: [String]) {
        let shown = entry.key.isEmpty ? "(not a name)" : shownName(entry.key)
        child(shown).report(
            entry.position, Fault("unknown key", suggestion: suggestion(for: entry.key, among: allowed)))
    }
}

/// A name for a path: as it is when it is plain, else quoted and bounded.
private func shownName(_ name: String) -> String {
    let isPlain = name.utf8.count <= 40 && name.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x5F || $0 == 0x2D }
    return isPlain && !name.contains("sk-") ? name : quoted(name)
}

/// A section that was read, for the rules that concern several of its settings.
struct SectionPlace {
    let place: Place
    let node: DocumentNode
    let entries: [DocumentNode.Entry]

    /// Reports at a setting's value, or at the section when the setting is not in the file.
    func report(_ name: String, _ fault: Fault) {
        place.child(name).report(position(of: name), fault)
    }

    /// Reports about the section as a whole.
    func report(_ fault: Fault) {
        place.report(node.position, fault)
    }

    /// Reports at one item of a list, or at one setting of that item.
    func report(_ name: String, _ index: Int, _ field: String? = nil, _ fault: Fault) {
        report(at: [.setting(name), .item(index)] + (field.map { [.setting($0)] } ?? []), fault)
    }

    /// Reports deep inside the section: at the setting that the steps lead to, or at the last one on the way that is in
    /// the file.
    func report(at steps: [Step], _ fault: Fault) {
        var (target, found, next) = (place, node, Optional(node))
        for step in steps {
            target = step.place(under: target)
            next = next.flatMap { step.node(under: $0) }
            found = next ?? found
        }
        target.report(found.position, fault)
    }

    /// One step of a way into a section.
    enum Step {
        case setting(String)
        case item(Int)

        fileprivate func place(under place: Place) -> Place {
            switch self {
            case .setting(let name): place.child(name)
            case .item(let index): place.item(index)
            }
        }

        fileprivate func node(under node: DocumentNode) -> DocumentNode? {
            switch (self, node.content) {
            case (.setting(let name), .mapping(let entries)): entries.first { $0.key == name }?.value
            case (.item(let index), .sequence(let items)) where index < items.count: items[index]
            case (.setting, _), (.item, _): nil
            }
        }
    }

    private func value(_ name: String) -> DocumentNode? {
        entries.first { $0.key == name }?.value
    }

    private func position(of name: String) -> Position {
        value(name)?.position ?? node.position
    }
}

extension SectionPlace {
    /// Whether the section has this setting, readable or not.
    func has(_ name: String) -> Bool {
        value(name) != nil
    }

    /// Whether the setting is there as a list without an item.
    func isEmptyList(_ name: String) -> Bool {
        switch value(name)?.content {
        case .sequence(let items): items.isEmpty
        case .null: true
        case .scalar, .mapping, .reported, nil: false
        }
    }
}
