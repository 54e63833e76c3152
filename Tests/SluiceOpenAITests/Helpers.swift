import SluiceOpenAI
import SluiceWire

// `#expect` and `#require` cannot take a span apart, so tests hand over arrays and texts.

/// A JSON object with the bytes its slices refer to.
struct Body {
    let bytes: [UInt8]
    let slice: JSONObjectSlice

    init(_ text: String) throws {
        let bytes = Array(text.utf8)
        self.bytes = bytes
        slice = try JSONObjectSlice.read(bytes.span.bytes)
    }

    func view(_ endpoint: Endpoint = .chatCompletions) throws(WireError) -> RequestView {
        try RequestView.read(slice, in: bytes.span.bytes, endpoint: endpoint)
    }

    func kind(_ key: StaticString) -> JSONKind? { slice.value(key, in: bytes.span.bytes)?.kind }

    /// The text after ``BodyEdit/includeUsage(_:in:)``; nil when there is nothing to edit.
    func withUsage() -> String? {
        guard let edit = BodyEdit.includeUsage(slice, in: bytes.span.bytes) else { return nil }
        return String(
            decoding: bytes[..<edit.range.lowerBound] + edit.replacement + bytes[edit.range.upperBound...],
            as: UTF8.self)
    }
}

extension ResponseView {
    static func parse(_ text: String) throws(JSONFault) -> ResponseView {
        let bytes = Array(text.utf8)
        return try read(bytes.span.bytes)
    }
}

extension StreamReader {
    mutating func take(_ text: String) throws(JSONFault) -> StreamStep {
        let bytes = Array(text.utf8)
        return try read(bytes.span.bytes)
    }
}

/// What a parser made of a stream: the events, and whether it gave up on the bound.
struct Heard: Equatable {
    var events: [String] = []
    var overflow = false

    /// Feeds `stream` in the given pieces and ends it.
    init(_ pieces: [ArraySlice<UInt8>], limit: Int = 1 << 20) {
        var parser = SSEParser(maxEventSize: limit)
        do {
            for piece in pieces {
                try parser.feed(Array(piece)) { events.append(Self.text($0)) }
            }
            parser.finish { events.append(Self.text($0)) }
        } catch {
            overflow = true
        }
    }

    private static func text(_ data: RawSpan) -> String {
        data.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}
