import NIOCore
import NIOHTTP1

/// Puts the parts of HTTP requests together, with a bound on the body.
struct RequestGatherer {
    enum Outcome {
        case more
        case sendContinue
        case tooLarge
        case request(IncomingRequest, isKeptAlive: Bool)
    }

    private let maxBodyBytes: Int
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    /// The rest of a request that is too large is dropped.
    private var isDiscarding = false

    init(maxBodyBytes: Int) {
        self.maxBodyBytes = maxBodyBytes
    }

    mutating func take(_ part: HTTPServerRequestPart) -> Outcome {
        guard !isDiscarding else { return .more }
        switch part {
        case .head(let head): return begin(head)
        case .body(let buffer):
            guard body.count + buffer.readableBytes <= maxBodyBytes else { return discard() }
            body.append(contentsOf: buffer.readableBytesView)
            return .more
        case .end: return complete()
        }
    }

    private mutating func begin(_ head: HTTPRequestHead) -> Outcome {
        self.head = head
        let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        guard length <= maxBodyBytes else { return discard() }
        body.reserveCapacity(min(length, 65_536))
        let expectsContinue = head.headers.first(name: "expect")?.lowercased() == "100-continue"
        return expectsContinue ? .sendContinue : .more
    }

    private mutating func discard() -> Outcome {
        isDiscarding = true
        body = []
        return .tooLarge
    }

    private mutating func complete() -> Outcome {
        guard let head else { return .more }
        var request = IncomingRequest(method: head.method.rawValue, path: Self.path(head.uri))
        request.authorization = head.headers.first(name: "authorization")
        request.faultHeader = head.headers.first(name: "x-sluice-fault")
        request.idempotencyKey = head.headers.first(name: "idempotency-key")
        request.retryCount = head.headers.first(name: "x-stainless-retry-count")
        request.body = body
        self.head = nil
        body = []
        return .request(request, isKeptAlive: head.isKeepAlive)
    }

    /// The path of a request target, without query and with `%XX` decoded where that is plain ASCII.
    private static func path(_ target: String) -> String {
        let raw = target.prefix { $0 != "?" && $0 != "#" }
        guard raw.utf8.contains(UInt8(ascii: "%")) else { return String(raw) }
        let parts = raw.split(separator: "%", omittingEmptySubsequences: false)
        return parts.dropFirst().reduce(String(parts[0])) { path, part in
            guard let byte = UInt8(part.prefix(2), radix: 16), (0x20..<0x7F).contains(byte) else {
                return path + "%" + part
            }
            return path + String(Unicode.Scalar(byte)) + part.dropFirst(2)
        }
    }
}
