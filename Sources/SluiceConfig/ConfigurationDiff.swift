/// One setting that differs between two configurations.
package struct ConfigurationChange: Equatable, Sendable, CustomStringConvertible {
    /// The path; items of named lists by name: `upstreams["openai"].timeouts.connect`.
    package let path: String
    /// The value before; nil when the setting is new.
    package let old: String?
    /// The value after; nil when the setting is gone.
    package let new: String?
    /// When the change comes into force.
    package let effect: ReloadEffect

    /// One line: `path: old -> new (restart)`.
    package var description: String {
        "\(path): \(old ?? "(none)") -> \(new ?? "(none)") (\(effect.rawValue))"
    }
}

extension Configuration {
    /// What changes from `old` to this configuration, in the order of the reference. Upstreams, pools and keys are
    /// told apart by name, so an inserted pool is one change and not many; a changed order is a change of its own,
    /// since the first match wins.
    package func changes(from old: Configuration) -> [ConfigurationChange] {
        Differ.compare(.fields(old.renderedFields), .fields(renderedFields), path: "", effect: .live)
    }
}

private enum Differ {
    static func compare(_ old: Rendered, _ new: Rendered, path: String, effect: ReloadEffect) -> [ConfigurationChange] {
        guard old != new else { return [] }
        switch (old, new) {
        case (.fields(let before), .fields(let after)): return compareFields(before, after, path)
        case (.list(let before), .list(let after)):
            if let before = named(before), let after = named(after) {
                return compareItems(before, after, path, effect)
            }
        default: break
        }
        return [ConfigurationChange(path: path, old: shown(old), new: shown(new), effect: effect)]
    }

    private static func compareFields(
        _ before: [RenderedField], _ after: [RenderedField], _ path: String
    ) -> [ConfigurationChange] {
        let gone = before.filter { field in !after.contains { $0.name == field.name } }
        return after.flatMap { field in
            let old = before.first { $0.name == field.name }?.value ?? .absent
            return compare(old, field.value, path: join(path, field.name), effect: field.effect)
        }
            + gone.map {
                ConfigurationChange(path: join(path, $0.name), old: shown($0.value), new: nil, effect: $0.effect)
            }
    }

    private static func compareItems(
        _ before: [(name: String, value: Rendered)], _ after: [(name: String, value: Rendered)], _ path: String,
        _ effect: ReloadEffect
    ) -> [ConfigurationChange] {
        var changes = after.flatMap { item -> [ConfigurationChange] in
            let path = "\(path)[\(JSONText.quote(item.name))]"
            guard let old = before.first(where: { $0.name == item.name }) else {
                return [ConfigurationChange(path: path, old: nil, new: item.value.summary, effect: effect)]
            }
            return compare(old.value, item.value, path: path, effect: effect)
        }
        for item in before where !after.contains(where: { $0.name == item.name }) {
            let path = "\(path)[\(JSONText.quote(item.name))]"
            changes.append(ConfigurationChange(path: path, old: item.value.summary, new: nil, effect: effect))
        }
        let stayed = before.map(\.name).filter { name in after.contains { $0.name == name } }
        let order = after.map(\.name).filter { stayed.contains($0) }
        if stayed != order {
            changes.append(
                ConfigurationChange(
                    path: path, old: stayed.joined(separator: ", "), new: order.joined(separator: ", "), effect: effect)
            )
        }
        return changes
    }

    /// The items with their names, when all of them are sections that have one.
    private static func named(_ items: [Rendered]) -> [(name: String, value: Rendered)]? {
        var result: [(name: String, value: Rendered)] = []
        for item in items {
            guard case .fields(let fields) = item,
                case .text(let name)? = fields.first(where: { $0.name == "name" })?.value
            else { return nil }
            result.append((name, item))
        }
        return result
    }

    private static func shown(_ value: Rendered) -> String? {
        value == .absent ? nil : value.summary
    }

    private static func join(_ path: String, _ name: String) -> String {
        path.isEmpty ? name : "\(path).\(name)"
    }
}
