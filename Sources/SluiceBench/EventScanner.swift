internal import SluiceWire

/// Finds the data of server-sent events in a body that arrives in pieces of any size.
struct EventScanner {
    /// Bytes of an unfinished line that are kept; the rest of a longer one is not looked at.
    private static let lineBound = 1024 * 1024

    private var line: [UInt8] = []

    /// Calls `body` with every `data:` line that is complete now, without its name.
    mutating func scan(_ bytes: RawSpan, _ body: (RawSpan) -> Void) {
        var start = 0
        for offset in 0..<bytes.byteCount where bytes.byte(offset) == 0x0A {
            if line.isEmpty {
                Self.deliver(bytes.extracting(start..<offset), body)
            } else {
                keep(bytes.extracting(start..<offset))
                Self.deliver(line.span.bytes, body)
                line.removeAll(keepingCapacity: true)
            }
            start = offset + 1
        }
        if start < bytes.byteCount { keep(bytes.extracting(start..<bytes.byteCount)) }
    }

    private mutating func keep(_ bytes: RawSpan) {
        guard line.count + bytes.byteCount <= Self.lineBound else { return }
        bytes.withUnsafeBytes { line.append(contentsOf: $0) }
    }

    private static func deliver(_ line: RawSpan, _ body: (RawSpan) -> Void) {
        guard line.byteCount > 5, line.matches(0..<5, "data:") else { return }
        body(line.extracting(5..<line.byteCount))
    }
}

/// The sending time that ``PacedUpstream`` writes into each chunk: `"sent_ns":` and CLOCK_MONOTONIC in nanoseconds.
enum ChunkStamp {
    static let key: StaticString = "\"sent_ns\":"

    /// The stamp in `bytes`; nil when there is none.
    static func read(_ bytes: RawSpan) -> UInt64? {
        let count = key.utf8CodeUnitCount
        var position = 0
        while position + count < bytes.byteCount {
            if bytes.byte(position) == UInt8(ascii: "\""), bytes.matches(position..<(position + count), key) {
                return number(bytes, from: position + count)
            }
            position += 1
        }
        return nil
    }

    private static func number(_ bytes: RawSpan, from start: Int) -> UInt64? {
        var position = start
        var total: UInt64 = 0
        while position < bytes.byteCount, position - start < 19 {
            let digit = bytes.byte(position) &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            total = total * 10 + UInt64(digit)
            position += 1
        }
        return position > start ? total : nil
    }
}
