import Foundation
import Glibc
import Synchronization

/// An upstream whose every exchange is a script: the test sees the request's bytes and writes the answer's.
final class ScriptedUpstream: Sendable {
    /// One request, and the connection to answer on.
    struct Exchange: Sendable {
        let number: Int
        let head: String
        let body: [UInt8]
        fileprivate let descriptor: Int32

        /// False when the client is gone.
        @discardableResult
        func write(_ text: String) -> Bool { RawSocket.write(descriptor, Array(text.utf8)) }

        func json(_ body: String, status: String = "200 OK", headers: String = "") {
            write("HTTP/1.1 \(status)\r\ncontent-type: application/json\r\n\(headers)")
            write("content-length: \(body.utf8.count)\r\n\r\n\(body)")
        }

        func beginStream() {
            write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        }

        func event(_ data: String) { write("data: \(data)\n\n") }
    }

    private let listener: OpenSocket
    private let log = Log()

    private final class Log: Sendable {
        let exchanges = Mutex<[Exchange]>([])
    }

    var received: [Exchange] { log.exchanges.withLock { $0 } }

    /// - Parameter script: answers one request on a thread of its own; true keeps the connection open.
    init(_ path: String, _ script: @escaping @Sendable (Exchange) -> Bool) throws {
        let descriptor = try RawSocket.bind(path)
        let listener = OpenSocket(descriptor)
        self.listener = listener
        Thread.detachNewThread { [log] in
            while true {
                let peer = accept(descriptor, nil, nil)
                guard peer >= 0 else { return listener.close() }
                Thread.detachNewThread {
                    while let exchange = Self.read(peer, log), script(exchange) {}
                    shutdown(peer, Int32(SHUT_RDWR))
                    close(peer)
                }
            }
        }
    }

    deinit { listener.shut(SHUT_RDWR) }

    private static func read(_ peer: Int32, _ log: Log) -> Exchange? {
        var bytes: [UInt8] = []
        while true {
            let text = String(decoding: bytes, as: UTF8.self)
            if let split = text.range(of: "\r\n\r\n") {
                let head = String(text[..<split.lowerBound])
                let start = head.utf8.count + 4
                if bytes.count - start >= length(head) {
                    return log.exchanges.withLock { requests in
                        let exchange = Exchange(
                            number: requests.count + 1, head: head, body: Array(bytes[start...]), descriptor: peer)
                        requests.append(exchange)
                        return exchange
                    }
                }
            }
            let more = RawSocket.read(peer)
            if more.isEmpty { return nil }
            bytes += more
        }
    }

    private static func length(_ head: String) -> Int {
        for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix("content-length:") {
            return Int(line.dropFirst(15).trimmingCharacters(in: .whitespaces)) ?? 0
        }
        return 0
    }
}
