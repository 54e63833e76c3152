import Logging

/// A record in the journal's native protocol: `FIELD=value` lines; a value with a line feed takes the other form, the
/// field's name alone on its line, then the value's length as 64-bit little-endian, the value, a line feed.
///
/// Source: systemd's "Native Journal Protocol".
enum JournalFormat {
    /// Bytes of one entry. Below the kernel's default limit for a datagram, so no memory file has to be passed; fields
    /// that do not fit any more are left out. Message and metadata are bounded, so this is a second fence.
    static let entryBound = 48 << 10

    static func entry(_ record: LogRecord, identifier: String) -> [UInt8] {
        var entry: [UInt8] = []
        append("PRIORITY", String(priority(of: record.level)), to: &entry)
        append("SYSLOG_IDENTIFIER", identifier, to: &entry)
        append("MESSAGE", record.message, to: &entry)
        append("SLUICE_LOGGER", record.label, to: &entry)
        append("CODE_FILE", record.file, to: &entry)
        append("CODE_LINE", String(record.line), to: &entry)
        for field in record.fields { append(name(of: field.key), field.value, to: &entry) }
        return entry
    }

    /// `SLUICE_` and the key in capitals, everything that is not a letter, a digit or `_` as `_`; at most 64 bytes, as
    /// journald wants field names.
    static func name(of key: String) -> String {
        let bytes = key.utf8.map { byte -> UInt8 in
            switch byte {
            case 0x61...0x7A: byte - 0x20
            case 0x30...0x39, 0x41...0x5A: byte
            default: 0x5F
            }
        }
        return String(decoding: (Array("SLUICE_".utf8) + bytes).prefix(64), as: UTF8.self)
    }

    /// syslog's severities (RFC 5424, table 2). swift-log has no alert and no emergency; trace joins debug.
    static func priority(of level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    private static func append(_ name: String, _ value: String, to entry: inout [UInt8]) {
        var field = Array(name.utf8)
        let value = Array(value.utf8)
        if value.contains(0x0A) {
            field.append(0x0A)
            withUnsafeBytes(of: UInt64(value.count).littleEndian) { field.append(contentsOf: $0) }
        } else {
            field.append(0x3D)
        }
        field += value
        field.append(0x0A)
        guard entry.count + field.count <= entryBound else { return }
        entry += field
    }
}
