import Glibc
package import Logging
import Synchronization

/// How records are written.
package enum LogFormat: String, CaseIterable, Sendable {
    /// ``journal`` when standard error is the journal's stream, else ``text``.
    case auto
    /// One line for a person.
    case text
    /// One JSON object a line.
    case json
    /// Structured fields to journald's socket.
    case journal

    /// `auto` resolved for a descriptor; the others stay what they are.
    package func resolved(environment: [String: String], descriptor: CInt = STDERR_FILENO) -> LogFormat {
        guard self == .auto else { return self }
        return JournalStream.isJournal(environment: environment, descriptor: descriptor) ? .journal : .text
    }
}

/// Where all loggers of the process write, and from which level on. Safe to use from several threads; no lock: a
/// record is one `write` or one datagram.
package final class LogOutput: Sendable {
    private let format: LogFormat
    private let descriptor: CInt
    private let identifier: String
    private let journal: JournalSocket?
    private let threshold: Atomic<Int>

    /// Creates an output.
    ///
    /// - Parameters:
    ///   - format: `auto` is resolved here.
    ///   - level: the least severe level that is written; may be changed later.
    ///   - environment: the process's variables, for `auto`.
    ///   - descriptor: where lines go; standard error. Not closed here.
    ///   - identifier: the journal's `SYSLOG_IDENTIFIER`.
    ///   - journalPath: journald's socket.
    package init(
        format: LogFormat, level: Logger.Level, environment: [String: String], descriptor: CInt = STDERR_FILENO,
        identifier: String = "sluice", journalPath: String = JournalSocket.defaultPath
    ) {
        self.format = format.resolved(environment: environment, descriptor: descriptor)
        self.descriptor = descriptor
        self.identifier = identifier
        self.journal = self.format == .journal ? JournalSocket(path: journalPath) : nil
        self.threshold = Atomic(Self.rank(level))
    }

    /// The least severe level that is written; a reload changes it for every logger that has no level of its own.
    package var level: Logger.Level {
        get { Logger.Level.allCases[threshold.load(ordering: .relaxed)] }
        set { threshold.store(Self.rank(newValue), ordering: .relaxed) }
    }

    /// Records that the journal was too slow for.
    package var droppedRecords: Int { journal?.droppedEntries ?? 0 }

    /// A handler for `LoggingSystem.bootstrap` or `Logger(label:factory:)`.
    package func handler(label: String) -> SluiceLogHandler {
        SluiceLogHandler(label: label, output: self)
    }

    func write(_ record: LogRecord) {
        switch format {
        case .json: writeLine(JSONLineFormat.line(record, at: Timestamp.now()))
        case .text, .auto: writeLine(TextFormat.line(record, at: Timestamp.now()))
        case .journal: writeEntry(record)
        }
    }

    private func writeEntry(_ record: LogRecord) {
        guard journal?.send(JournalFormat.entry(record, identifier: identifier)) == .unreachable else { return }
        // Without a journald the stream is the next best; whoever reads it knows the prefix from sd-daemon(3).
        let prefix = "<\(JournalFormat.priority(of: record.level))>"
        writeLine(Array(prefix.utf8) + TextFormat.line(record, at: Timestamp.now()))
    }

    /// Writes a whole line; gives up on an error, because there is nowhere to report it.
    private func writeLine(_ line: [UInt8]) {
        var rest = line[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    private static func rank(_ level: Logger.Level) -> Int {
        Logger.Level.allCases.firstIndex(of: level) ?? 0
    }
}
