import SluiceWire

/// A stream event grew over its bound.
package struct SSEOverflow: Error, Sendable, Equatable {
    /// The bound, in bytes.
    package var limit: Int
}

/// Server-sent events, incremental: bytes in any pieces go in, whole `data` payloads come out.
///
/// After the WHATWG HTML standard, section 9.2: lines end in LF, CRLF or CR; a leading byte-order mark is dropped;
/// several `data` lines are joined by LF; comments and other fields are passed over. OpenAI repeats the event's name
/// inside its data (`type`), so names are not kept. One departure: an event whose last line is whole is delivered
/// at the end of the stream even without the blank line, as several compatible servers omit it.
package struct SSEParser: Sendable {
    /// The largest `data` of one event, in bytes.
    package let maxEventSize: Int
    /// The longest line of any kind, in bytes: whether a stream passes must not depend on where it was cut.
    private var maxLineSize: Int { maxEventSize + Self.lineOverhead }
    /// More than a byte-order mark, `data` and `: ` take.
    private static let lineOverhead = 16
    /// Buffers that grew beyond this are given back after use, in bytes: there is one pair per stream.
    private static let keptCapacity = 64 * 1024

    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var skipLineFeed = false
    private var atStart = true

    package init(maxEventSize: Int = 8 * 1024 * 1024) { self.maxEventSize = maxEventSize }

    /// Takes the next bytes and hands over each event's data.
    package mutating func feed(_ bytes: [UInt8], _ emit: (RawSpan) -> Void) throws(SSEOverflow) {
        var start = 0
        if skipLineFeed, !bytes.isEmpty {
            skipLineFeed = false
            if bytes[0] == UInt8(ascii: "\n") { start = 1 }
        }
        while let end = Self.endOfLine(in: bytes, from: start) {
            try finishLine(bytes, start..<end, emit)
            start = end + 1
            guard bytes[end] == UInt8(ascii: "\r") else { continue }
            if start == bytes.count { skipLineFeed = true } else if bytes[start] == UInt8(ascii: "\n") { start += 1 }
        }
        try checkLine(adding: bytes.count - start)
        line.append(contentsOf: bytes[start...])
    }

    /// The stream ended: hands over an event that only lacked its blank line.
    package mutating func finish(_ emit: (RawSpan) -> Void) {
        dispatch(emit)
        line.removeAll()
    }

    private static func endOfLine(in bytes: [UInt8], from start: Int) -> Int? {
        bytes.withUnsafeBufferPointer { buffer in
            var index = start
            while index < buffer.count {
                if buffer[index] == UInt8(ascii: "\n") || buffer[index] == UInt8(ascii: "\r") { return index }
                index += 1
            }
            return nil
        }
    }

    private mutating func finishLine(
        _ bytes: [UInt8], _ range: Range<Int>, _ emit: (RawSpan) -> Void
    ) throws(SSEOverflow) {
        try checkLine(adding: range.count)
        if line.isEmpty {
            try take(bytes.span.bytes.extracting(range), emit)
            return
        }
        line.append(contentsOf: bytes[range])
        // Moved out and back rather than copied: a copy would cost an allocation per line.
        var whole: [UInt8] = []
        swap(&whole, &line)
        try take(whole.span.bytes, emit)
        whole.removeAll(keepingCapacity: whole.capacity <= Self.keptCapacity)
        swap(&whole, &line)
    }

    private func checkLine(adding count: Int) throws(SSEOverflow) {
        guard line.count + count <= maxLineSize else { throw SSEOverflow(limit: maxEventSize) }
    }

    private mutating func take(_ text: RawSpan, _ emit: (RawSpan) -> Void) throws(SSEOverflow) {
        var start = 0
        if atStart {
            atStart = false
            if text.byteCount >= 3, text.byte(0) == 0xEF, text.byte(1) == 0xBB, text.byte(2) == 0xBF { start = 3 }
        }
        if text.byteCount == start {
            dispatch(emit)
            return
        }
        guard let value = Self.dataValue(text, from: start) else { return }
        let joined = data.count + (hasData ? 1 : 0) + value.count
        guard joined <= maxEventSize else { throw SSEOverflow(limit: maxEventSize) }
        if hasData { data.append(UInt8(ascii: "\n")) }
        hasData = true
        text.extracting(value).withUnsafeBytes { data.append(contentsOf: $0) }
    }

    /// Where the value of a `data` line stands; nil for every other line.
    private static func dataValue(_ text: RawSpan, from start: Int) -> Range<Int>? {
        let colon = start + 4
        guard text.byteCount >= colon, text.matches(start..<colon, "data") else { return nil }
        if text.byteCount == colon { return colon..<colon }
        guard text.byte(colon) == UInt8(ascii: ":") else { return nil }
        let space = colon + 1 < text.byteCount && text.byte(colon + 1) == UInt8(ascii: " ")
        return (colon + (space ? 2 : 1))..<text.byteCount
    }

    private mutating func dispatch(_ emit: (RawSpan) -> Void) {
        guard hasData else { return }
        hasData = false
        emit(data.span.bytes)
        data.removeAll(keepingCapacity: data.capacity <= Self.keptCapacity)
    }
}
