import Foundation
import Glibc
import Logging
import Testing

@testable import SluiceTelemetry

/// A real datagram socket in the journal's place.
final class StandInJournal {
    let path: String
    private let directory: String
    private let descriptor: CInt

    init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "sj-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        path = "\(directory)/socket"
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
    }

    deinit {
        close(descriptor)
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// The next entry; a datagram to a local socket is there as soon as it was sent.
    func receive() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : Array(buffer[..<count])
    }

    /// The next entry's fields, read as the protocol's description says.
    func fields() throws -> [String: String] {
        var rest = try #require(receive())[...]
        var fields: [String: String] = [:]
        while let end = rest.firstIndex(of: 0x0A) {
            let line = rest[..<end]
            rest = rest[(end + 1)...]
            if let equals = line.firstIndex(of: 0x3D) {
                fields[String(decoding: line[..<equals], as: UTF8.self)] = String(
                    decoding: line[(equals + 1)...], as: UTF8.self)
            } else {
                let length = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
                rest = rest.dropFirst(8)
                fields[String(decoding: line, as: UTF8.self)] = String(decoding: rest.prefix(length), as: UTF8.self)
                #expect(rest.dropFirst(length).first == 0x0A)
                rest = rest.dropFirst(length + 1)
            }
        }
        #expect(rest.isEmpty)
        return fields
    }
}

@Suite("The journal")
struct JournalTests {
    private func logger(_ output: LogOutput) -> Logger {
        Logger(label: "agent") { output.handler(label: $0) }
    }

    @Test("a record arrives as structured fields")
    func fields() throws {
        let journal = try StandInJournal()
        let output = LogOutput(format: .journal, level: .info, environment: [:], journalPath: journal.path)
        logger(output).warning(
            "slow = yes", metadata: ["pool": "openai/gpt-4o", "wait-ms": "12", "nasty": "a\nMESSAGE=b"])
        let fields = try journal.fields()
        #expect(fields["CODE_FILE"]?.hasSuffix("JournalTests.swift") == true)
        #expect(fields["CODE_FILE"]?.hasPrefix("/") == false)
        #expect(Int(fields["CODE_LINE"] ?? "") != nil)
        #expect(
            fields.filter { !$0.key.hasPrefix("CODE_") } == [
                "MESSAGE": "slow = yes", "PRIORITY": "4", "SYSLOG_IDENTIFIER": "sluice", "SLUICE_LOGGER": "agent",
                "SLUICE_POOL": "openai/gpt-4o", "SLUICE_WAIT_MS": "12", "SLUICE_NASTY": "a\\nMESSAGE=b",
            ])
    }

    @Test("a message of several lines takes the form with a length")
    func severalLines() throws {
        let journal = try StandInJournal()
        let output = LogOutput(format: .journal, level: .info, environment: [:], journalPath: journal.path)
        logger(output).info("one\nPRIORITY=0\nthree")
        let fields = try journal.fields()
        #expect(fields["MESSAGE"] == "one\nPRIORITY=0\nthree")
        #expect(fields["PRIORITY"] == "6")
    }

    @Test(
        "severities are syslog's",
        arguments: zip(Logger.Level.allCases, ["7", "7", "6", "5", "4", "3", "2"]))
    func priorities(_ level: Logger.Level, _ priority: String) throws {
        let journal = try StandInJournal()
        let output = LogOutput(format: .journal, level: .trace, environment: [:], journalPath: journal.path)
        logger(output).log(level: level, "m")
        #expect(try journal.fields()["PRIORITY"] == priority)
    }

    @Test(
        "field names are valid whatever the key",
        arguments: [
            ("pool", "SLUICE_POOL"), ("a.b-c d", "SLUICE_A_B_C_D"), ("9é", "SLUICE_9__"), ("_X", "SLUICE__X"),
            (String(repeating: "k", count: 100), "SLUICE_" + String(repeating: "K", count: 57)),
        ])
    func names(_ key: String, _ expected: String) {
        #expect(JournalFormat.name(of: key) == expected)
    }

    @Test("the largest record stays below 48 KiB and arrives whole")
    func largest() throws {
        let journal = try StandInJournal()
        let output = LogOutput(format: .journal, level: .info, environment: [:], journalPath: journal.path)
        var metadata = Logger.Metadata()
        for index in 100..<200 {
            metadata["\(index)\(String(repeating: "k", count: 90))"] = "\(String(repeating: "v", count: 999))"
        }
        logger(output).info("\(String(repeating: "\n", count: 100_000))", metadata: metadata)
        let entry = try #require(journal.receive())
        #expect(entry.count > 16 << 10 && entry.count <= JournalFormat.entryBound)
    }

    @Test("a journal that does not read costs entries, not time; the loss is counted")
    func full() throws {
        let journal = try StandInJournal()
        let reader = LineReader()
        let output = LogOutput(
            format: .journal, level: .info, environment: [:], descriptor: reader.descriptor, journalPath: journal.path)
        var sent = 0
        while output.droppedRecords == 0 {
            logger(output).info("m")
            sent += 1
            try #require(sent < 100_000)
        }
        var received = 0
        while journal.receive() != nil { received += 1 }
        #expect(received == sent - 1)
        logger(output).info("again")
        #expect(try journal.fields()["MESSAGE"] == "again")
        #expect(try reader.text() == "")
    }

    @Test("without a journal records go to the stream, with sd-daemon's prefix")
    func unreachable() throws {
        let reader = LineReader()
        let output = LogOutput(
            format: .journal, level: .info, environment: [:], descriptor: reader.descriptor,
            journalPath: "/nonexistent/s")
        logger(output).error("lost\nfound")
        let text = try reader.text()
        #expect(text.hasPrefix("<3>2") && text.hasSuffix("error    lost\\nfound\n"))
        #expect(output.droppedRecords == 0)
    }

    @Test("auto means the journal only when $JOURNAL_STREAM names this very stream")
    func auto() throws {
        let reader = LineReader()
        var status = stat()
        #expect(fstat(reader.descriptor, &status) == 0)
        func resolved(_ value: String?) -> LogFormat {
            let environment = value.map { ["JOURNAL_STREAM": $0] } ?? [:]
            return LogFormat.auto.resolved(environment: environment, descriptor: reader.descriptor)
        }
        #expect(resolved("\(status.st_dev):\(status.st_ino)") == .journal)
        #expect(resolved("\(status.st_dev):\(status.st_ino + 1)") == .text)
        #expect(resolved("\(status.st_dev + 1):\(status.st_ino)") == .text)
        #expect(resolved("\(status.st_ino)") == .text)
        #expect(resolved("x:y") == .text)
        #expect(resolved(nil) == .text)
        #expect(LogFormat.json.resolved(environment: [:], descriptor: reader.descriptor) == .json)
    }
}
