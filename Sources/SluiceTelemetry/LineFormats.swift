import Glibc
import Logging

/// A record as one line of text for a person: time, level, message, `key=value`.
enum TextFormat {
    static func line(_ record: LogRecord, at time: timespec) -> [UInt8] {
        let level = record.level.rawValue
        var line = "\(Timestamp.text(time)) \(level)\(String(repeating: " ", count: max(0, 8 - level.utf8.count))) "
        line += LogText.clean(record.message, bound: LogText.messageBound * 2)
        for field in record.fields { line += " \(field.key)=\(value(field.value))" }
        return Array((line + "\n").utf8)
    }

    /// Quoted when a reader could not tell where the value ends.
    private static func value(_ text: String) -> String {
        guard text.isEmpty || text.contains(where: { $0 == " " || $0 == "\"" || $0 == "=" }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"") + "\""
    }
}

/// A record as one JSON object on one line.
enum JSONLineFormat {
    static func line(_ record: LogRecord, at time: timespec) -> [UInt8] {
        var line = "{\"time\":\(quote(Timestamp.text(time))),\"level\":\(quote(record.level.rawValue))"
        line += ",\"logger\":\(quote(record.label)),\"message\":\(quote(record.message))"
        if !record.fields.isEmpty {
            let members = record.fields.map { "\(quote($0.key)):\(quote($0.value))" }
            line += ",\"fields\":{\(members.joined(separator: ","))}"
        }
        return Array((line + "}\n").utf8)
    }

    private static func quote(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

/// Wall-clock time in UTC as RFC 3339 with milliseconds.
enum Timestamp {
    static func now() -> timespec {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time
    }

    static func text(_ time: timespec) -> String {
        var seconds = time.tv_sec
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let date = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        let fraction = String(1000 + time.tv_nsec / 1_000_000).dropFirst()
        return "\(date)T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(fraction)Z"
    }

    private static func two(_ number: Int32) -> Substring {
        String(100 + number).dropFirst()
    }
}
