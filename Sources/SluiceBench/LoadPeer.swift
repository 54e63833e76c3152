internal import SluiceWire

/// What a connection under load has learned from the bytes that arrived.
enum LoadEvent: Equatable {
    /// The handshake is done; calls may begin.
    case ready
    /// A piece of a stream, with its sending time where it carries one.
    case chunk(slot: Int, sentNS: UInt64?)
    /// A call is over; `failure` is its error code, or `http_` and the status.
    case done(slot: Int, failure: String?)
    /// The peer broke its protocol.
    case broken(String)
}

/// One connection's protocol, without the socket.
protocol LoadPeer: AnyObject {
    /// Bytes to send first; empty when calls may begin at once.
    var greeting: [UInt8] { get }
    /// The whole request of a slot.
    func request(slot: Int) -> [UInt8]
    /// Takes whole messages from `bytes`, appends what they mean, and answers how many bytes it took. `reply` is sent
    /// at once.
    func consume(_ bytes: RawSpan, into events: inout [LoadEvent], reply: inout [UInt8]) -> Int
    /// What the end of the connection means, for a response that has no other end.
    func close(into events: inout [LoadEvent])
}

/// Speaks Sluice's frames with many calls on one connection. Slots are the ids, so requests are built once.
final class AgentPeer: LoadPeer {
    /// Chunk bytes after which credit is given back.
    private static let grantSize = 64 * 1024

    let greeting = ClientOperation.hello(client: "sluice-bench")
    private let requests: [[UInt8]]
    private let isStreamed: Bool
    private let decoder = FrameDecoder(maxFrame: WireLimits.frameSizeCeiling)
    /// Per slot, chunk bytes not granted back yet.
    private var ungranted: [Int]

    init(slots: Int, workload: Workload) {
        let call = CallOperation(path: workload.path)
        requests = (0..<slots).map { ClientOperation.call(id: String($0), call, body: workload.body) }
        isStreamed = workload.isStreamed
        ungranted = [Int](repeating: 0, count: slots)
    }

    func request(slot: Int) -> [UInt8] { requests[slot] }

    func consume(_ bytes: RawSpan, into events: inout [LoadEvent], reply: inout [UInt8]) -> Int {
        var offset = 0
        while true {
            switch decoder.step(bytes, at: offset) {
            case .frame(let range):
                let payload = bytes.extracting(range)
                events.append(quick(payload, reply: &reply) ?? slow(payload))
                offset = range.upperBound
            case .empty: offset += WireLimits.headerSize
            case .needBytes: return offset
            case .tooLarge:
                events.append(.broken("frame_too_large"))
                return bytes.byteCount
            }
        }
    }

    func close(into events: inout [LoadEvent]) {}

    /// Recognises the frames of a good run by their first bytes, as Sluice's agent writes them, without reading all
    /// of them: the load generator's work must not be the bottleneck.
    private func quick(_ payload: RawSpan, reply: inout [UInt8]) -> LoadEvent? {
        guard payload.byteCount > 48, payload.matches(0..<7, "{\"id\":\"") else { return nil }
        var position = 7
        var slot = 0
        while position < 16, case let digit = payload.byte(position) &- UInt8(ascii: "0"), digit < 10 {
            slot = slot * 10 + Int(digit)
            position += 1
        }
        guard slot < requests.count else { return nil }
        if isStreamed, Self.stands("\",\"event\":\"chunk\",", payload, position) {
            return chunk(slot, payload, reply: &reply)
        }
        if !isStreamed, Self.stands("\",\"event\":\"result\",\"status\":200,\"body\":", payload, position) {
            return .done(slot: slot, failure: nil)
        }
        return nil
    }

    private func chunk(_ slot: Int, _ payload: RawSpan, reply: inout [UInt8]) -> LoadEvent {
        ungranted[slot] += payload.byteCount
        if ungranted[slot] >= Self.grantSize {
            reply += ClientOperation.grant(id: String(slot), bytes: ungranted[slot])
            ungranted[slot] = 0
        }
        return .chunk(slot: slot, sentNS: ChunkStamp.read(payload))
    }

    private func slow(_ payload: RawSpan) -> LoadEvent {
        guard let frame = try? AgentFrame.read(payload) else { return .broken("bad_frame") }
        switch frame {
        case .hello: return .ready
        case .chunk(let id, _, let data):
            return slot(id).map { .chunk(slot: $0, sentNS: ChunkStamp.read(payload.extracting(data))) }
                ?? .broken("unknown_id")
        case .result(let id, _, _): return done(id, failure: isStreamed ? "unexpected_plain_result" : nil)
        case .finished(let id, _, .complete, _): return done(id, failure: nil)
        case .finished(let id, _, let finish, let error): return done(id, failure: error?.code ?? finish.rawValue)
        case .error(let id?, let error): return done(id, failure: error.code)
        case .error(nil, let error): return .broken(error.code)
        case .goaway: return .broken("goaway")
        case .queued, .started, .retrying, .pong, .unknown: return .broken("unexpected_event")
        }
    }

    private func done(_ id: String, failure: String?) -> LoadEvent {
        guard let slot = slot(id) else { return .broken("unknown_id") }
        ungranted[slot] = 0
        return .done(slot: slot, failure: failure)
    }

    private func slot(_ id: String) -> Int? { Int(id).flatMap { requests.indices.contains($0) ? $0 : nil } }

    private static func stands(_ text: StaticString, _ bytes: RawSpan, _ position: Int) -> Bool {
        let end = position + text.utf8CodeUnitCount
        return end <= bytes.byteCount && bytes.matches(position..<end, text)
    }
}

/// Speaks HTTP/1.1 with one call at a time on one connection.
final class HTTPPeer: LoadPeer {
    let greeting: [UInt8] = []
    private let bytes: [UInt8]
    private let isStreamed: Bool
    private var parser = HTTPResponseParser()
    private var events = EventScanner()
    private var status = 0
    private var sawEnd = false

    init(workload: Workload) {
        let head =
            "POST \(workload.path) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(workload.body.count)\r\n\r\n"
        bytes = Array(head.utf8) + workload.body
        isStreamed = workload.isStreamed
    }

    func request(slot: Int) -> [UInt8] { bytes }

    func consume(_ bytes: RawSpan, into events: inout [LoadEvent], reply: inout [UInt8]) -> Int {
        var offset = 0
        while true {
            switch parser.step(bytes, at: &offset) {
            case .needBytes: return offset
            case .head(let status):
                self.status = status
                sawEnd = !isStreamed
            case .data(let range): scan(bytes.extracting(range), into: &events)
            case .end: finish(into: &events)
            case .malformed(let reason):
                events.append(.broken(reason))
                return bytes.byteCount
            }
        }
    }

    func close(into events: inout [LoadEvent]) {
        if parser.endsWithConnection { finish(into: &events) }
    }

    private func finish(into events: inout [LoadEvent]) {
        let failure = status == 200 ? (sawEnd ? nil : "truncated") : "http_\(status)"
        events.append(.done(slot: 0, failure: failure))
    }

    private func scan(_ body: RawSpan, into events: inout [LoadEvent]) {
        guard isStreamed, status == 200 else { return }
        var found: [LoadEvent] = []
        var ended = sawEnd
        self.events.scan(body) { data in
            if Self.isEndMarker(data) {
                ended = true
            } else {
                found.append(.chunk(slot: 0, sentNS: ChunkStamp.read(data)))
            }
        }
        sawEnd = ended
        events += found
    }

    private static func isEndMarker(_ data: RawSpan) -> Bool {
        let text: StaticString = "[DONE]"
        var start = 0
        while start < data.byteCount, data.byte(start) == UInt8(ascii: " ") { start += 1 }
        return data.byteCount >= start + 6 && data.matches(start..<(start + 6), text)
    }
}
