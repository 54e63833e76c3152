/// When a changed setting comes into force.
package enum ReloadEffect: String, Sendable, CaseIterable {
    /// At the next reload; calls in flight keep what they started with.
    case live
    /// When the agent starts next: a listener or a log stream that is already open cannot be changed.
    case restart
}

/// A part of the configuration: a struct with a default for everything and one list that says what its settings are.
/// Reading, rendering, the reference, suggestions and the diff all work from that list, so they cannot disagree.
protocol ConfigurationSection: Equatable, Sendable {
    init()
    /// The settings, in the order in which they are documented.
    static var fields: [Field<Self>] { get }
    /// Rules that concern more than one setting. Called after every reading, also when a setting could not be read and
    /// kept its default: a rule says nothing about a value that is not there.
    func check(_ place: SectionPlace)
}

extension ConfigurationSection {
    func check(_ place: SectionPlace) {}
}

/// One setting of a section.
struct Field<Root: ConfigurationSection>: Sendable {
    let name: String
    let type: String
    let range: String?
    let summary: String
    let effect: ReloadEffect
    var isRequired = false
    let read: @Sendable (DocumentNode, inout Root, Place) -> Void
    let render: @Sendable (Root) -> Rendered
    /// The settings of the section that this one holds; empty for a plain value.
    var children: @Sendable (_ path: String) -> [CatalogueEntry] = { _ in [] }

    /// The settings of one item, for a list of sections.
    var itemFields: @Sendable () -> [RenderedField] = { [] }

    /// The comment over the setting in a rendered file.
    var comment: String {
        guard type != Self.sectionType else { return summary }
        let kind = range.map { "\(type), \($0)" } ?? type
        return "\(summary) (\(kind)\(isRequired ? "; required" : "")\(effect == .restart ? "; needs a restart" : ""))"
    }
}

extension Field {
    fileprivate static var sectionType: String { "section" }
}

typealias SettingPath<Root, Value> = WritableKeyPath<Root, Value> & Sendable

extension Field {
    /// A setting that always has a value.
    static func value<Value>(
        _ name: String, _ path: any SettingPath<Root, Value>, _ type: ValueType<Value>, _ effect: ReloadEffect,
        isRequired: Bool = false, _ summary: String
    ) -> Field {
        Field(
            name: name, type: type.name, range: type.range, summary: summary, effect: effect, isRequired: isRequired,
            read: { node, root, place in
                if let value = place.scalar(node, type) { root[keyPath: path] = value }
            },
            render: { type.render($0[keyPath: path]) })
    }

    /// A setting that may be left out.
    static func optional<Value>(
        _ name: String, _ path: any SettingPath<Root, Value?>, _ type: ValueType<Value>, _ effect: ReloadEffect,
        _ summary: String
    ) -> Field {
        Field(
            name: name, type: type.name, range: type.range, summary: summary, effect: effect,
            read: { node, root, place in
                if let value = place.scalar(node, type) { root[keyPath: path] = value }
            },
            render: { $0[keyPath: path].map(type.render) ?? .absent })
    }

    /// A list of plain values of at most `maximum` items.
    static func list<Value>(
        _ name: String, _ path: any SettingPath<Root, [Value]>, _ type: ValueType<Value>, maximum: Int,
        _ effect: ReloadEffect, isRequired: Bool = false, _ summary: String
    ) -> Field {
        Field(
            name: name, type: "list of \(type.name)", range: "at most \(maximum)", summary: summary, effect: effect,
            isRequired: isRequired,
            read: { node, root, place in
                guard let items = place.items(node, maximum: maximum) else { return }
                root[keyPath: path] = items.compactMap { $0.place.scalar($0.node, type) }
            },
            render: { .list($0[keyPath: path].map(type.render)) })
    }

    /// A list of plain values that may be left out, of at most `maximum` items. Left out is not the same as empty.
    static func optionalList<Value>(
        _ name: String, _ path: any SettingPath<Root, [Value]?>, _ type: ValueType<Value>, maximum: Int,
        _ effect: ReloadEffect, _ summary: String
    ) -> Field {
        Field(
            name: name, type: "list of \(type.name)", range: "at most \(maximum)", summary: summary, effect: effect,
            read: { node, root, place in
                guard let items = place.items(node, maximum: maximum) else { return }
                root[keyPath: path] = items.compactMap { $0.place.scalar($0.node, type) }
            },
            render: { root in root[keyPath: path].map { .list($0.map(type.render)) } ?? .absent })
    }

    /// A map from text to text of at most `maximum` entries, kept in the order of the file.
    static func map(
        _ name: String, _ path: any SettingPath<Root, [HeaderField]>, maximum: Int, _ effect: ReloadEffect,
        _ summary: String
    ) -> Field {
        Field(
            name: name, type: "map of text", range: "at most \(maximum)", summary: summary, effect: effect,
            read: { node, root, place in
                guard let entries = place.entries(node) else { return }
                guard entries.count <= maximum else { return place.tooMany(entries.count, maximum, node) }
                root[keyPath: path] = entries.compactMap { HeaderField.read($0, place) }
            },
            render: { root in
                let headers = root[keyPath: path]
                guard !headers.isEmpty else { return .absent }
                return .fields(headers.map { $0.rendered(effect) })
            })
    }

    /// A section inside this one.
    static func section<Child: ConfigurationSection>(
        _ name: String, _ path: any SettingPath<Root, Child>, _ summary: String
    ) -> Field {
        Field(
            name: name, type: sectionType, range: nil, summary: summary, effect: .live,
            read: { node, root, place in root[keyPath: path] = place.section(node, root[keyPath: path]) },
            render: { .fields($0[keyPath: path].renderedFields) },
            children: { Catalogue.entries(of: Root()[keyPath: path], under: $0 + ".") })
    }

    /// A list of sections of at most `maximum` items.
    static func sections<Child: ConfigurationSection>(
        _ name: String, _ path: any SettingPath<Root, [Child]>, maximum: Int, _ summary: String
    ) -> Field {
        Field(
            name: name, type: "list of sections", range: "at most \(maximum)", summary: summary, effect: .live,
            read: { node, root, place in
                guard let items = place.items(node, maximum: maximum) else { return }
                root[keyPath: path] = items.map { $0.place.section($0.node, Child()) }
            },
            render: { .list($0[keyPath: path].map { .fields($0.renderedFields) }) },
            children: { Catalogue.entries(of: Child(), under: $0 + "[].") },
            itemFields: { Child().renderedFields })
    }

    /// A list of sections that may be left out, of at most `maximum` items. Left out is not the same as empty.
    static func optionalSections<Child: ConfigurationSection>(
        _ name: String, _ path: any SettingPath<Root, [Child]?>, maximum: Int, _ summary: String
    ) -> Field {
        Field(
            name: name, type: "list of sections", range: "at most \(maximum)", summary: summary, effect: .live,
            read: { node, root, place in
                guard let items = place.items(node, maximum: maximum) else { return }
                root[keyPath: path] = items.map { $0.place.section($0.node, Child()) }
            },
            render: { root in root[keyPath: path].map { .list($0.map { .fields($0.renderedFields) }) } ?? .absent },
            children: { Catalogue.entries(of: Child(), under: $0 + "[].") },
            itemFields: { Child().renderedFields })
    }
}

extension ConfigurationSection {
    var renderedFields: [RenderedField] {
        Self.fields.map {
            let value = $0.render(self)
            return RenderedField(
                name: $0.name, comment: $0.comment, effect: $0.effect, value: value,
                itemFields: value == .list([]) || value == .absent ? $0.itemFields() : [])
        }
    }
}
