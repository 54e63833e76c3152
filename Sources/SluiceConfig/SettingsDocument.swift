/// A YAML file that is not the agent's configuration, such as a scenario, read with the same guards, positions and
/// cures. The reader of such a file walks it value by value; every problem is collected, and all are thrown at once.
package enum SettingsDocument {
    /// Reads a regular file of at most ``ConfigurationLoader/maximumFileSize`` bytes.
    ///
    /// - Throws: ``InvalidConfiguration`` with every problem that `build` or the YAML reader reported.
    package static func load<Value>(
        path: String, _ build: (SettingNode) -> Value
    ) throws(InvalidConfiguration) -> Value {
        let bytes: [UInt8]
        do {
            bytes = try RegularFile.read(path, maximum: ConfigurationLoader.maximumFileSize).bytes
        } catch {
            throw InvalidConfiguration(problems: [ConfigurationProblem(file: path, message: error.description)])
        }
        return try parse(bytes, file: path, build)
    }

    /// Reads a document's bytes; `file` is the name used in messages.
    ///
    /// - Throws: ``InvalidConfiguration`` with every problem that `build` or the YAML reader reported.
    package static func parse<Value>(
        _ bytes: [UInt8], file: String, _ build: (SettingNode) -> Value
    ) throws(InvalidConfiguration) -> Value {
        let problems = ProblemList(file: file)
        var value: Value?
        if let text = ConfigurationLoader.decode(bytes, problems),
            let root = YAMLReader.read(text, problems: problems)
        {
            value = build(SettingNode(node: root, place: Place(path: "", problems: problems)))
        }
        guard let value, problems.isEmpty else { throw InvalidConfiguration(problems: problems.sorted()) }
        return value
    }
}

/// One value of a ``SettingsDocument`` and where it stands. Every reading answers nil after it reported a problem.
package struct SettingNode {
    let node: DocumentNode
    let place: Place

    /// Whether the value is a mapping.
    package var isMapping: Bool { if case .mapping = node.content { true } else { false } }
    /// Whether the value is a list.
    package var isList: Bool { if case .sequence = node.content { true } else { false } }

    /// The text of a plain value, whatever it means; nil for a mapping or a list.
    package var text: String? { if case .scalar(let scalar) = node.content { scalar.text } else { nil } }

    /// Reports a problem at this value.
    package func report(_ message: String, suggestion: String? = nil) {
        place.report(node.position, Fault(message, suggestion: suggestion))
    }

    /// The settings of a mapping; those that are not `allowed` are reported.
    package func fields(_ allowed: [String]) -> SettingFields {
        let entries = place.entries(node) ?? []
        for entry in entries where !allowed.contains(entry.key) { place.reportUnknown(entry, among: allowed) }
        return SettingFields(owner: self, entries: entries)
    }

    /// The items of a list of at most `maximum`.
    package func items(maximum: Int) -> [SettingNode] {
        (place.items(node, maximum: maximum) ?? []).map { SettingNode(node: $0.node, place: $0.place) }
    }

    /// A whole number.
    package func count(_ range: ClosedRange<Int>) -> Int? { place.scalar(node, .count(range)) }

    /// A span of time such as `250ms` or `1h30m`, in microseconds; the range is in milliseconds.
    package func microseconds(_ range: ClosedRange<Int> = 0...86_400_000) -> Int64? {
        let span = Duration.milliseconds(range.lowerBound) ... .milliseconds(range.upperBound)
        return place.scalar(node, .duration(span)).map { Int64(($0 / .microseconds(1)).rounded()) }
    }

    /// A number of bytes such as `64KiB`.
    package func size(_ range: ClosedRange<Int>) -> Int? { place.scalar(node, .size(range)) }

    /// A number, whole or not.
    package func decimal(_ range: ClosedRange<Double>) -> Double? { place.scalar(node, .plainDecimal(range)) }

    /// `true` or `false`.
    package func flag() -> Bool? { place.scalar(node, .plainFlag) }

    /// A name: letters, digits and `._-/`, at most 64.
    package func name() -> String? { place.scalar(node, .identifier) }

    /// Text for people.
    package func prose() -> String? { place.scalar(node, .text()) }

    /// One of a list of words; what else stands there is reported with the nearest of them.
    package func choice(_ words: [String]) -> String? {
        guard let text = place.scalar(node, .text()) else { return nil }
        guard words.contains(text) else {
            report("\(quoted(text)) is not a known value", suggestion: suggestion(for: text, among: words))
            return nil
        }
        return text
    }
}

/// The settings of one mapping of a ``SettingsDocument``.
package struct SettingFields {
    /// The mapping itself, for problems that concern several settings.
    package let owner: SettingNode
    let entries: [DocumentNode.Entry]

    /// A setting that is there.
    package subscript(_ name: String) -> SettingNode? {
        entries.first { $0.key == name }.map { SettingNode(node: $0.value, place: owner.place.child(name)) }
    }

    /// A setting that must be there; reported when it is not.
    package func require(_ name: String) -> SettingNode? {
        if let value = self[name] { return value }
        owner.place.child(name).report(
            owner.node.position, Fault("missing and without a default", suggestion: "add \(name)"))
        return nil
    }

    /// The names of the settings that are there, in the order of the file.
    package var names: [String] { entries.map(\.key) }
}

extension ValueType<Double> {
    fileprivate static func plainDecimal(_ range: ClosedRange<Double>) -> ValueType {
        .ranged(
            "number", range,
            parse: { scalar throws(Fault) in
                guard !scalar.isQuoted, let value = Double(scalar.text), value.isFinite else {
                    throw Fault("expected a number, found \(scalar.kind)")
                }
                return value
            },
            write: { $0 == $0.rounded() && abs($0) < 1e15 ? String(Int($0)) : String($0) },
            render: { .bare(String($0)) })
    }
}

extension ValueType<Bool> {
    fileprivate static var plainFlag: ValueType {
        ValueType(
            name: "true or false", range: nil,
            parse: { scalar throws(Fault) in
                guard !scalar.isQuoted, let value = Bool(scalar.text) else {
                    throw Fault("expected true or false, found \(scalar.kind)")
                }
                return value
            },
            render: { .bare(String($0)) })
    }
}
