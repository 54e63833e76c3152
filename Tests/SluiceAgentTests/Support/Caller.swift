import Foundation
import Glibc
import Synchronization

/// The connection ended while something was still expected.
struct Gone: Error {}

/// A client made of a socket and nothing else, so that what crosses is what the test wrote.
final class Caller: Sendable {
    private let descriptor: Int32
    private let socket: OpenSocket
    private let arrivals: AsyncStream<Event>
    private let passed = Mutex<[Event]>([])

    /// Connects and, unless told otherwise, pipelines a hello.
    init(_ path: String, greets: Bool = true, reads: Bool = true) throws {
        let descriptor = try RawSocket.connect(path)
        let (stream, continuation) = AsyncStream<Event>.makeStream()
        let socket = OpenSocket(descriptor)
        self.descriptor = descriptor
        self.socket = socket
        arrivals = stream
        if reads {
            Thread.detachNewThread {
                Self.pump(descriptor, continuation)
                continuation.finish()
                socket.close()
            }
        }
        if greets { send(#"{"op":"hello","proto":1,"client":"e2e/1"}"#) }
    }

    deinit { close() }

    private static func pump(_ descriptor: Int32, _ events: AsyncStream<Event>.Continuation) {
        var pending: [UInt8] = []
        while true {
            let bytes = RawSocket.read(descriptor)
            if bytes.isEmpty { return }
            pending += bytes
            var start = 0
            while pending.count >= start + 4 {
                let length = pending[start..<(start + 4)].reduce(0) { $0 << 8 | Int($1) }
                guard pending.count >= start + 4 + length else { break }
                events.yield(Event(payload: Array(pending[(start + 4)..<(start + 4 + length)])))
                start += 4 + length
            }
            pending.removeFirst(start)
        }
    }

    // MARK: Sending

    static func frame(_ json: String) -> [UInt8] {
        let bytes = Array(json.utf8)
        return withUnsafeBytes(of: UInt32(bytes.count).bigEndian) { Array($0) } + bytes
    }

    @discardableResult
    func send(_ json: String) -> Bool { RawSocket.write(descriptor, Self.frame(json)) }

    @discardableResult
    func send(raw bytes: [UInt8]) -> Bool { RawSocket.write(descriptor, bytes) }

    func call(
        _ id: String, _ body: String, path: String = "/v1/chat/completions", _ options: String = ""
    ) {
        send(Self.callFrame(id, body, path: path, options))
    }

    static func callFrame(_ id: String, _ body: String, path: String, _ options: String) -> String {
        let extra = options.isEmpty ? "" : options + ","
        return #"{"op":"call","id":"\#(id)","path":"\#(path)",\#(extra)"body":\#(body)}"#
    }

    func cancel(_ id: String) { send(#"{"op":"cancel","id":"\#(id)"}"#) }

    func grant(_ id: String, _ bytes: Int) { send(#"{"op":"grant","id":"\#(id)","bytes":\#(bytes)}"#) }

    /// The end of file, as the death of the process would bring it.
    func close() { socket.shut(SHUT_RDWR) }

    /// No more from here; the answers could still be read.
    func closeWriting() { socket.shut(SHUT_WR) }

    // MARK: Receiving

    /// The first event that fits, of those nobody has asked for yet; the others stay.
    func first(_ fits: (Event) -> Bool) async throws -> Event {
        let known = passed.withLock { passed -> Event? in
            passed.firstIndex(where: fits).map { passed.remove(at: $0) }
        }
        if let known { return known }
        var iterator = arrivals.makeAsyncIterator()
        while let event = await iterator.next() {
            if fits(event) { return event }
            passed.withLock { $0.append(event) }
        }
        throw Gone()
    }

    func next(_ kind: String, _ id: String? = nil) async throws -> Event {
        try await first { $0.kind == kind && (id == nil || $0.id == id) }
    }

    /// The call's last event.
    func end(of id: String) async throws -> Event { try await first { $0.isTerminal && $0.id == id } }

    /// What has been received and not asked for, by kind.
    func unread(_ kind: String) -> [Event] { passed.withLock { $0.filter { $0.kind == kind } } }

    /// Returns at the end of the connection, with everything that came before it.
    func untilClosed() async -> [Event] {
        var iterator = arrivals.makeAsyncIterator()
        while let event = await iterator.next() { passed.withLock { $0.append(event) } }
        return passed.withLock { $0 }
    }

    /// Waits until the agent has read everything sent so far.
    func ping() async throws {
        send(#"{"op":"ping","id":"sync"}"#)
        _ = try await next("pong", "sync")
    }

    /// Answers once it is settled whether anything more came for `id`: the pong is the proof that nothing did.
    func hasMore(of id: String) async throws -> Bool {
        try await ping()
        return passed.withLock { $0.contains { $0.id == id } }
    }
}

/// Request bodies.
enum Body {
    static func chat(_ model: String = "gpt-4o-mini", stream: Bool = false, text: String = "hi") -> String {
        let streaming = stream ? #","stream":true"# : ""
        return #"{"model":"\#(model)","messages":[{"role":"user","content":"\#(text)"}]\#(streaming)}"#
    }

    /// The stand-in's directive behind the model's name.
    static func fault(_ directive: String, stream: Bool = false) -> String {
        chat("gpt-4o-mini:\(directive)", stream: stream)
    }
}
