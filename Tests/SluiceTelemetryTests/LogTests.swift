import Foundation
import Logging
import Testing

@testable import SluiceTelemetry

/// A pipe that stands for standard error.
final class LineReader {
    let pipe = Pipe()
    var descriptor: CInt { pipe.fileHandleForWriting.fileDescriptor }

    /// Everything written so far; the writing end is closed.
    func text() throws -> String {
        try pipe.fileHandleForWriting.close()
        return String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    }
}

@Suite("Lines of the log")
struct LogLineTests {
    private func logged(_ format: LogFormat, _ body: (inout Logger, LogOutput) -> Void) throws -> String {
        let reader = LineReader()
        let output = LogOutput(format: format, level: .info, environment: [:], descriptor: reader.descriptor)
        var logger = Logger(label: "agent") { output.handler(label: $0) }
        body(&logger, output)
        return try reader.text()
    }

    private static let hostile = "a\nlevel=error b\r\u{1B}[31m\u{202E}\u{85}\u{2028}\0end"

    @Test("text: one line, whatever the values hold")
    func text() throws {
        let text = try logged(.text) { logger, _ in
            logger[metadataKey: "pool"] = "openai/gpt-4o"
            logger.warning(
                "slow \(Self.hostile)", metadata: ["a key": "\(Self.hostile)", "z": "has \"quotes\"", "n": ""])
        }
        #expect(text.utf8.filter { $0 == 0x0A }.count == 1)
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || ($0.value >= 0x20 && $0.value < 0x7F) })
        let escaped = "a\\nlevel=error b\\r\\u{1b}[31m\\u{202e}\\u{85}\\u{2028}\\u{0}end"
        #expect(
            text.dropFirst(25) == "warning  slow \(escaped) a_key=\"\(escaped)\" n=\"\" pool=openai/gpt-4o"
                + " z=\"has \\\"quotes\\\"\"\n")
    }

    @Test("the time is UTC with milliseconds")
    func time() {
        #expect(Timestamp.text(timespec(tv_sec: 1_790_000_000, tv_nsec: 7_999_999)) == "2026-09-21T14:13:20.007Z")
        #expect(Timestamp.text(timespec(tv_sec: 0, tv_nsec: 0)) == "1970-01-01T00:00:00.000Z")
    }

    @Test("JSON: one object a line, readable by any parser")
    func json() throws {
        let text = try logged(.json) { logger, _ in
            logger.error("broken \(Self.hostile)", metadata: ["k": "\\\"\(Self.hostile)", "list": ["a", ["b": "c"]]])
            logger.info("second")
        }
        let lines = text.split(separator: "\n")
        #expect(lines.count == 2)
        let first = try #require(try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any])
        #expect(first["level"] as? String == "error")
        #expect(first["logger"] as? String == "agent")
        #expect((first["message"] as? String)?.hasPrefix("broken a\nlevel=error b\\r\\u{1b}") == true)
        let fields = try #require(first["fields"] as? [String: String])
        #expect(fields["list"] == "[a, [b: c]]")
        #expect(fields["k"]?.hasPrefix("\\\"a\\nlevel") == true)
    }

    @Test("values are cut at 256 bytes, messages at 8 KiB, metadata at 32 items")
    func bounds() throws {
        let text = try logged(.json) { logger, _ in
            var metadata = Logger.Metadata()
            for index in 100..<200 { metadata["k\(index)"] = .string(String(repeating: "é", count: 1000)) }
            logger.info("\(String(repeating: "m", count: 100_000))", metadata: metadata)
        }
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let message = try #require(object["message"] as? String)
        #expect(message.utf8.count == 8192 && message.hasSuffix("m…"))
        let fields = try #require(object["fields"] as? [String: String])
        #expect(fields.count == 32)
        #expect(fields.values.allSatisfy { $0.utf8.count <= 256 && $0.hasSuffix("é…") })
    }

    @Test("the level of all loggers can be changed, a logger's own level stays")
    func levels() throws {
        let text = try logged(.text) { logger, output in
            var own = logger
            own.logLevel = .error
            logger.debug("hidden 1")
            output.level = .debug
            logger.debug("shown 1")
            own.warning("hidden 2")
            own.error("shown 2")
        }
        #expect(text.split(separator: "\n").map { $0.suffix(7) } == ["shown 1", "shown 2"])
    }

    @Test("an error and the provider's metadata are part of the record; the record's own metadata wins")
    func merging() throws {
        let reader = LineReader()
        let output = LogOutput(format: .text, level: .info, environment: [:], descriptor: reader.descriptor)
        var handler = output.handler(label: "x")
        handler.metadata = ["a": "handler", "b": "handler", "c": "handler"]
        handler.metadataProvider = Logger.MetadataProvider { ["b": "provider", "c": "provider"] }
        handler.log(
            event: LogEvent(
                level: .info, message: "m", error: CancellationError(), metadata: ["c": "event"], source: "s",
                file: "f", function: "f", line: 1))
        #expect(try reader.text().hasSuffix(" m a=handler b=provider c=event error=CancellationError()\n"))
    }
}
