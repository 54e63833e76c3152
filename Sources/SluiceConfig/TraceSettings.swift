/// Section `trace`: a record of calls for `sluice simulate`. It holds sizes, times and names; no prompt, no answer, no
/// key.
package struct TraceSettings: Equatable, Sendable {
    /// Where the record is written; nil: none is.
    package internal(set) var file: String?
    /// Bytes of the record; when it is full, recording stops.
    package internal(set) var maxSize = 256 << 20

    /// The defaults.
    package init() {}
}

extension TraceSettings: ConfigurationSection {
    static let fields: [Field<TraceSettings>] = [
        .optional(
            "file", \.file, .absolutePath, .live,
            "Record of calls for sluice simulate, without prompts or answers; default none"),
        .value(
            "max_size", \.maxSize, .size(4096...(64 << 30)), .live, "Size of the record; when it is full, it stops"),
    ]
}
