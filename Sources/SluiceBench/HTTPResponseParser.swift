internal import SluiceWire

/// Reads HTTP/1.1 responses one after the other from a keep-alive connection (RFC 9112).
struct HTTPResponseParser {
    /// What comes next.
    enum Step: Equatable {
        /// Wait for more bytes.
        case needBytes
        /// The status line and the header fields were read.
        case head(status: Int)
        /// A piece of the body, by its place in the bytes.
        case data(Range<Int>)
        /// The response is whole; the next one begins here.
        case end
        /// Not HTTP/1.1; the connection is of no use.
        case malformed(String)
    }

    private enum State: Equatable {
        case head
        case fixed(Int)
        case chunkSize
        case chunk(Int)
        case chunkEnd
        case trailer
        case untilClose
        case ended
    }

    /// Bytes a status line and its header fields may take.
    private static let headBound = 64 * 1024

    private var state = State.head
    /// Whether the server keeps the connection open after this response.
    private(set) var keepsAlive = true

    /// Whether a response that goes on until the connection closes is complete when it does.
    var endsWithConnection: Bool { state == .untilClose }

    /// Looks at the bytes from `offset` on, and moves it past what was read.
    mutating func step(_ bytes: RawSpan, at offset: inout Int) -> Step {
        while true {
            switch state {
            case .head: return head(bytes, at: &offset)
            case .fixed(let left), .chunk(let left): return body(left, bytes, at: &offset)
            case .untilClose: return body(.max, bytes, at: &offset)
            case .ended:
                state = .head
                return .end
            case .chunkSize:
                if let step = chunkSize(bytes, at: &offset) { return step }
            case .chunkEnd:
                guard let line = bytes.line(from: offset) else { return .needBytes }
                guard line.isEmpty else { return .malformed("a chunk is longer than it said") }
                offset = line.upperBound + 2
                state = .chunkSize
            case .trailer:
                guard let line = bytes.line(from: offset) else { return .needBytes }
                offset = line.upperBound + 2
                if line.isEmpty { state = .ended }
            }
        }
    }

    private mutating func body(_ left: Int, _ bytes: RawSpan, at offset: inout Int) -> Step {
        let count = min(left, bytes.byteCount - offset)
        guard count > 0 else { return .needBytes }
        let range = offset..<(offset + count)
        offset += count
        switch state {
        case .fixed: state = count == left ? .ended : .fixed(left - count)
        case .chunk: state = count == left ? .chunkEnd : .chunk(left - count)
        default: break
        }
        return .data(range)
    }

    /// nil when the state has changed and there is more to look at.
    private mutating func chunkSize(_ bytes: RawSpan, at offset: inout Int) -> Step? {
        guard let line = bytes.line(from: offset) else { return .needBytes }
        let size = bytes.text(line).prefix { $0.isHexDigit }
        guard let count = Int(size, radix: 16) else { return .malformed("a chunk has no size") }
        offset = line.upperBound + 2
        state = count == 0 ? .trailer : .chunk(count)
        return nil
    }

    private mutating func head(_ bytes: RawSpan, at offset: inout Int) -> Step {
        guard let end = bytes.endOfHead(from: offset) else {
            return bytes.byteCount - offset > Self.headBound ? .malformed("the header is too long") : .needBytes
        }
        guard let line = bytes.line(from: offset), let status = Self.status(bytes.text(line)) else {
            return .malformed("not an HTTP/1.1 status line")
        }
        var next = line.upperBound + 2
        keepsAlive = true
        state = [204, 304].contains(status) ? .ended : .untilClose
        while next < end - 2, let field = bytes.line(from: next) {
            take(field: bytes.text(field))
            next = field.upperBound + 2
        }
        offset = end
        return .head(status: status)
    }

    private mutating func take(field: String) {
        guard let colon = field.firstIndex(of: ":") else { return }
        let value = field[field.index(after: colon)...].drop { $0 == " " }
        switch field[..<colon].lowercased() {
        case "content-length":
            guard let length = Int(value), length >= 0, state == .untilClose else { return }
            state = length == 0 ? .ended : .fixed(length)
        case "transfer-encoding" where value.lowercased() == "chunked": state = .chunkSize
        case "connection": keepsAlive = value.lowercased() != "close"
        default: return
        }
    }

    private static func status(_ line: String) -> Int? {
        let parts = line.split(separator: " ", maxSplits: 2)
        guard parts.count >= 2, parts[0].hasPrefix("HTTP/1.") else { return nil }
        return Int(parts[1]).flatMap { (100...599).contains($0) ? $0 : nil }
    }
}

extension RawSpan {
    func text(_ range: Range<Int>) -> String {
        extracting(range).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// The bytes from `start` up to the next CR LF; nil when there is none yet.
    func line(from start: Int) -> Range<Int>? {
        var position = start
        while position + 1 < byteCount {
            if byte(position) == 0x0D, byte(position + 1) == 0x0A { return start..<position }
            position += 1
        }
        return nil
    }

    /// The offset behind the empty line that ends a head.
    func endOfHead(from start: Int) -> Int? {
        var position = start
        while let line = line(from: position) {
            position = line.upperBound + 2
            if line.isEmpty { return position }
        }
        return nil
    }
}
