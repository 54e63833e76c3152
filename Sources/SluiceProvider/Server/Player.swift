import NIOCore
import NIOHTTP1

/// Walks through the steps of one answer; the handler does what it says.
struct Player {
    /// What is to be done next.
    enum Action {
        case write(HTTPServerResponsePart)
        /// Nothing until the socket takes more.
        case waitForRoom
        case waitUntil(UInt64)
        case waitForever
        /// The end of the response, and of the connection if it is not kept alive.
        case finish(isKeptAlive: Bool)
        case drop(isReset: Bool)
    }

    let plan: Plan
    let startNS: UInt64
    private let isKeptAlive: Bool
    private var index = 0
    /// End of the latest wait; the next one is counted from here.
    private var deadlineNS: UInt64
    /// Bytes that are sent of the present step, where it is sent in parts.
    private var partSent = 0
    /// A piece of a trickle was sent, its pause was not.
    private var isPauseDue = false
    /// A part of the answer was written.
    private(set) var hasSent = false
    /// The socket was full when the latest step was due.
    var isWaitingForRoom = false

    private static let fillerPiece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 65_536)

    init(plan: Plan, isKeptAlive: Bool, startNS: UInt64) {
        self.plan = plan
        self.isKeptAlive = isKeptAlive
        self.startNS = startNS
        deadlineNS = startNS
    }

    /// The next action; a plan without an end is one that waits for ever.
    mutating func next(isWritable: Bool) -> Action {
        guard index < plan.steps.count else { return .waitForever }
        let step = plan.steps[index]
        if !isWritable, step.needsRoom {
            isWaitingForRoom = true
            return .waitForRoom
        }
        index += 1
        switch step {
        case .wait(let nanoseconds): return wait(nanoseconds)
        case .head(let status, let headers, let length):
            hasSent = true
            return .write(.head(head(status, headers, length)))
        case .bytes(let bytes): return .write(.body(.byteBuffer(ByteBuffer(bytes: bytes))))
        case .trickle(let bytes, let size, let pauseNS): return trickle(bytes, size, pauseNS)
        case .filler(let count): return filler(count)
        case .end: return .finish(isKeptAlive: isKeptAlive)
        case .close: return .drop(isReset: false)
        case .reset: return .drop(isReset: true)
        case .hang: return .waitForever
        }
    }

    private mutating func wait(_ nanoseconds: Int) -> Action {
        deadlineNS += UInt64(nanoseconds)
        return .waitUntil(deadlineNS)
    }

    /// One piece, then one pause, and so on: the step is stayed at until all is sent.
    private mutating func trickle(_ bytes: [UInt8], _ size: Int, _ pauseNS: Int) -> Action {
        if isPauseDue {
            isPauseDue = false
            stay(unless: partSent >= bytes.count)
            return wait(pauseNS)
        }
        let piece = bytes[partSent..<min(partSent + size, bytes.count)]
        partSent += piece.count
        isPauseDue = true
        index -= 1
        return .write(.body(.byteBuffer(ByteBuffer(bytes: piece))))
    }

    /// Goes back to the step that is being sent in parts, unless it is done.
    private mutating func stay(unless isDone: Bool) {
        if isDone { partSent = 0 } else { index -= 1 }
    }

    private mutating func filler(_ count: Int) -> Action {
        let piece = min(count - partSent, Self.fillerPiece.readableBytes)
        partSent += piece
        stay(unless: partSent >= count)
        let slice = Self.fillerPiece.getSlice(at: 0, length: piece) ?? ByteBuffer()
        return .write(.body(.byteBuffer(slice)))
    }

    private func head(_ status: Int, _ own: [APIError.Header], _ length: Int?) -> HTTPResponseHead {
        var headers = HTTPHeaders()
        headers.reserveCapacity(own.count + 2)
        for header in own { headers.add(name: header.name, value: header.value) }
        if let length {
            headers.add(name: "content-length", value: String(length))
        } else {
            headers.add(name: "transfer-encoding", value: "chunked")
        }
        if !isKeptAlive { headers.add(name: "connection", value: "close") }
        return HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
    }
}

extension Step {
    /// It writes a body, which waits for room in the socket.
    fileprivate var needsRoom: Bool {
        switch self {
        case .bytes, .filler, .trickle: true
        case .wait, .head, .end, .close, .reset, .hang: false
        }
    }
}
