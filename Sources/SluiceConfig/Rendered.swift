/// A configuration value ready to be written as YAML or JSON, or to be compared.
indirect enum Rendered: Equatable, Sendable {
    /// An optional setting that is not set.
    case absent
    case number(Int)
    case flag(Bool)
    /// Text that needs no quotes in YAML: a duration, a size, one of a list of words.
    case bare(String)
    /// Free text, written in quotes.
    case text(String)
    case list([Rendered])
    /// A section or a map, in the order of its declaration.
    case fields([RenderedField])

    /// The value on one line, for a diff.
    var summary: String {
        switch self {
        case .absent: "(not set)"
        case .number(let number): String(number)
        case .flag(let flag): String(flag)
        case .bare(let text): text
        case .text(let text): JSONText.quote(text)
        case .list(let items): "[\(items.map(\.summary).joined(separator: ", "))]"
        case .fields(let fields): "{\(fields.compactMap(\.summary).joined(separator: ", "))}"
        }
    }
}

/// One named value of a section.
struct RenderedField: Equatable, Sendable {
    let name: String
    /// What the setting does, its type and range; empty for the entries of a map.
    let comment: String
    let effect: ReloadEffect
    let value: Rendered
    /// The settings of one item, for a list of sections that has none yet or is not set.
    var itemFields: [RenderedField] = []

    /// `name: value`; nil when it is not set.
    fileprivate var summary: String? {
        value == .absent ? nil : "\(name): \(value.summary)"
    }
}
