import SluicePolicy
import SluiceWire

/// What is wrong with a trace, and where.
package struct TraceProblem: Error, Sendable, CustomStringConvertible {
    /// `file:line: message`.
    package let description: String

    init(_ file: String, _ line: Int, _ message: String) { description = "\(file):\(line): \(message)" }
}

/// One line of a trace as the agent writes it: a call's names, sizes and times, without a word of what was asked.
struct TraceLine: Sendable {
    var at: Int64
    var lane: PolicyLane
    var tenant: String?
    var feature: String?
    var model: String?
    var endpoint: String
    var pool: String
    var bytes: Int
    var reservedTokens: Int
    var maxOutput: Int?
    var isStream: Bool
    var deadlineMS: Int
    var inputTokens: Int?
    var outputTokens: Int?
    var queued: Int64
    var upstream: Int64?
    var firstByte: Int64?
    var attempts: Int
    var outcome: String

    var wasServed: Bool { outcome == "ok" }
    /// When it was over.
    var end: Int64 { at + queued + (upstream ?? 0) }
}

/// Reads a trace: one JSON object a line, in any order of time.
enum TraceFile {
    /// Lines that are read at most.
    static let maximumLines = 5_000_000

    /// - Throws: ``TraceProblem`` for the first line that cannot be read.
    static func parse(_ bytes: [UInt8], file: String) throws(TraceProblem) -> [TraceLine] {
        var lines: [TraceLine] = []
        var number = 0
        for slice in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            guard slice.contains(where: { $0 != 0x20 && $0 != 0x0D }) else { continue }
            guard number <= maximumLines else { throw TraceProblem(file, number, "more than \(maximumLines) lines") }
            lines.append(try TraceLineReader(Array(slice), file: file, number: number).read())
        }
        guard !lines.isEmpty else { throw TraceProblem(file, 1, "no call in it; set trace.file in the agent's file") }
        return lines.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
    }
}

private struct TraceLineReader {
    private let bytes: [UInt8]
    private let file: String
    private let number: Int

    init(_ bytes: [UInt8], file: String, number: Int) {
        self.bytes = bytes
        self.file = file
        self.number = number
    }

    func read() throws(TraceProblem) -> TraceLine {
        let object: JSONObjectSlice
        do {
            object = try JSONObjectSlice.read(bytes.span.bytes)
        } catch {
            throw TraceProblem(file, number, "is not one JSON object: \(error.kind) at byte \(error.offset)")
        }
        let lane = try text(object, "lane")
        guard let index = LaneNames.all.firstIndex(of: lane) else {
            throw TraceProblem(file, number, "lane \"\(lane.prefix(40))\" is none of \(LaneNames.all)")
        }
        return TraceLine(
            at: Int64(try whole(object, "at_us")), lane: PolicyLane.allCases[index],
            tenant: optionalText(object, "tenant"), feature: optionalText(object, "feature"),
            model: optionalText(object, "model"), endpoint: try text(object, "endpoint"),
            pool: try text(object, "pool"), bytes: try whole(object, "bytes"),
            reservedTokens: try whole(object, "reserved_tokens"), maxOutput: optionalWhole(object, "max_output"),
            isStream: value(object, "stream")?.kind == .true, deadlineMS: max(1, try whole(object, "deadline_ms")),
            inputTokens: optionalWhole(object, "input_tokens"), outputTokens: optionalWhole(object, "output_tokens"),
            queued: Int64(optionalWhole(object, "queued_us") ?? 0),
            upstream: optionalWhole(object, "upstream_us").map(Int64.init),
            firstByte: optionalWhole(object, "first_byte_us").map(Int64.init),
            attempts: optionalWhole(object, "attempts") ?? 0, outcome: try text(object, "outcome"))
    }

    private func value(_ object: JSONObjectSlice, _ key: StaticString) -> JSONValue? {
        object.value(key, in: bytes.span.bytes)
    }

    private func optionalText(_ object: JSONObjectSlice, _ key: StaticString) -> String? {
        guard let value = value(object, key), value.kind == .string else { return nil }
        return JSONText.string(value, in: bytes.span.bytes)
    }

    /// Numbers that no call can have count as absent.
    private func optionalWhole(_ object: JSONObjectSlice, _ key: StaticString) -> Int? {
        guard let value = value(object, key), value.kind == .number else { return nil }
        guard let number = JSONText.integer(value, in: bytes.span.bytes), (0...1_000_000_000_000_000).contains(number)
        else { return nil }
        return number
    }

    private func text(_ object: JSONObjectSlice, _ key: StaticString) throws(TraceProblem) -> String {
        guard let text = optionalText(object, key) else { throw TraceProblem(file, number, "no text \"\(key)\"") }
        return text
    }

    private func whole(_ object: JSONObjectSlice, _ key: StaticString) throws(TraceProblem) -> Int {
        guard let whole = optionalWhole(object, key) else {
            throw TraceProblem(file, number, "no whole number \"\(key)\"")
        }
        return whole
    }
}
