/// One setting as the reference lists it.
package struct CatalogueEntry: Equatable, Sendable {
    /// The path with `[]` for list items: `upstreams[].timeouts.connect`.
    package let path: String
    /// The kind of value: `duration`, `size`, `whole number`, …
    package let type: String
    /// The default as the file would write it; nil when there is none.
    package let defaultValue: String?
    /// The allowed range, where there is one.
    package let range: String?
    /// What the setting does, in one line.
    package let summary: String
    /// When a change comes into force.
    package let effect: ReloadEffect
    /// True when the section it belongs to cannot do without it.
    package let isRequired: Bool
}

/// The list of every setting, derived from the sections' own declarations.
package enum Catalogue {
    /// Every setting that holds a value (sections themselves are not listed), in the order of the reference.
    package static var settings: [CatalogueEntry] {
        entries(of: Configuration(), under: "")
    }

    static func entries<Root: ConfigurationSection>(of defaults: Root, under prefix: String) -> [CatalogueEntry] {
        Root.fields.flatMap { field -> [CatalogueEntry] in
            let path = prefix + field.name
            let children = field.children(path)
            guard children.isEmpty else { return children }
            return [entry(field, path, field.render(defaults))]
        }
    }

    private static func entry<Root>(_ field: Field<Root>, _ path: String, _ value: Rendered) -> CatalogueEntry {
        CatalogueEntry(
            path: path, type: field.type, defaultValue: value == .absent || field.isRequired ? nil : value.summary,
            range: field.range, summary: field.summary, effect: field.effect, isRequired: field.isRequired)
    }
}
