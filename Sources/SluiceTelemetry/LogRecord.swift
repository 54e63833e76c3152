import Logging

/// One log record, cleaned and bounded, ready for any of the formats.
struct LogRecord: Equatable, Sendable {
    let level: Logger.Level
    let label: String
    /// May hold line feeds; the formats of one line escape them.
    let message: String
    /// Sorted by key, at most ``LogText/fieldBound``.
    let fields: [Field]
    /// Module and file, as `#fileID` gives them.
    let file: String
    let line: UInt

    struct Field: Equatable, Sendable {
        let key: String
        let value: String
    }

    init(_ event: LogEvent, label: String, metadata: Logger.Metadata) {
        self.level = event.level
        self.label = LogText.clean(label, bound: 128)
        self.message = LogText.clean(
            event.message.description, bound: LogText.messageBound, keepsLineFeeds: true)
        var metadata = metadata
        if let error = event.error { metadata["error"] = .string(String(describing: error)) }
        self.fields = metadata.sorted { $0.key < $1.key }.prefix(LogText.fieldBound).map {
            Field(key: Self.fieldKey($0.key), value: LogText.clean($0.value))
        }
        self.file = event.file
        self.line = event.line
    }

    /// Keys are identifiers of ours; anything else in one becomes an underscore, and it ends after 48 bytes.
    private static func fieldKey(_ key: String) -> String {
        let bytes = key.utf8.prefix(48).map { byte -> UInt8 in
            let isPlain = (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
            return isPlain || [0x2D, 0x2E, 0x5F].contains(byte) ? byte : 0x5F
        }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }
}
