/// Reads an answer's header lines as libcurl hands them out, keeps the few that matter, and skips interim answers.
struct HeadReader {
    /// What a line led to.
    enum Step: Equatable {
        /// More lines are to come.
        case more
        /// The blank line of a final answer.
        case complete
        /// More than ``byteLimit`` bytes of header.
        case tooLarge
    }

    static let byteLimit = 64 << 10
    static let headerLimit = 32
    static let valueLimit = 512
    private static let nameLimit = 64

    private(set) var head = UpstreamHead(status: 0, headers: [])
    private(set) var isComplete = false
    private(set) var isHTTP2 = false
    private(set) var contentLength: Int?
    private(set) var byteCount = 0
    private var expectsStatus = true

    /// One line, with its line end. Lines after the head (trailers) are counted and otherwise ignored.
    mutating func read(_ line: UnsafeBufferPointer<UInt8>) -> Step {
        byteCount += line.count
        guard byteCount <= Self.byteLimit else { return .tooLarge }
        guard !isComplete else { return .more }
        if expectsStatus {
            readStatus(line)
        } else if line.first == Self.carriageReturn || line.first == Self.lineFeed {
            return endOfHead()
        } else {
            readField(line)
        }
        return .more
    }

    private mutating func endOfHead() -> Step {
        isComplete = head.status >= 200
        expectsStatus = !isComplete
        return isComplete ? .complete : .more
    }

    private mutating func readStatus(_ line: UnsafeBufferPointer<UInt8>) {
        expectsStatus = false
        contentLength = nil
        head = UpstreamHead(status: 0, headers: [])
        guard let blank = line.firstIndex(of: Self.blank), blank > 5 else { return }
        isHTTP2 = line[5] == UInt8(ascii: "2")
        head.status = Self.number(line[(blank + 1)...].prefix(3)) ?? 0
    }

    private mutating func readField(_ line: UnsafeBufferPointer<UInt8>) {
        guard let colon = line.prefix(Self.nameLimit + 1).firstIndex(of: UInt8(ascii: ":")) else { return }
        let name = UnsafeBufferPointer(rebasing: line[..<colon])
        if HeaderNames.isContentLength(name) {
            contentLength = Self.number(Self.trimmed(line[(colon + 1)...]))
        } else if head.headers.count < Self.headerLimit, let known = HeaderNames.kept(name) {
            let value = Self.trimmed(line[(colon + 1)...])
            guard value.count <= Self.valueLimit else { return }
            head.headers.append(UpstreamHeader(name: known, value: String(decoding: value, as: UTF8.self)))
        }
    }

    private static let blank = UInt8(ascii: " ")
    private static let carriageReturn = UInt8(ascii: "\r")
    private static let lineFeed = UInt8(ascii: "\n")

    private static func trimmed(_ value: Slice<UnsafeBufferPointer<UInt8>>) -> Slice<UnsafeBufferPointer<UInt8>> {
        var value = value
        while let first = value.first, first <= blank { value.removeFirst() }
        while let last = value.last, last <= blank { value.removeLast() }
        return value
    }

    /// Decimal digits only, at most 15 of them.
    private static func number(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> Int? {
        guard (1...15).contains(digits.count) else { return nil }
        var number = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            number = number * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return number
    }
}
