import Foundation
import Glibc

/// One HTTP exchange on a Unix socket.
struct HTTPExchange: Sendable {
    var status: Int
    var head: String
    var body: String

    var json: Event { Event(payload: Array(body.utf8)) }

    static func get(_ path: String, at socket: String, method: String = "GET") async throws -> HTTPExchange {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try exchange(method, path, socket) }) }
        }
    }

    private static func exchange(_ method: String, _ path: String, _ socket: String) throws -> HTTPExchange {
        let descriptor = try RawSocket.connect(socket)
        defer { close(descriptor) }
        let request = "\(method) \(path) HTTP/1.1\r\nHost: agent\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        RawSocket.write(descriptor, Array(request.utf8))
        var bytes: [UInt8] = []
        while true {
            let more = RawSocket.read(descriptor)
            if more.isEmpty { break }
            bytes += more
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let split = text.range(of: "\r\n\r\n"), let status = Int(text.dropFirst(9).prefix(3)) else {
            throw Gone()
        }
        return HTTPExchange(
            status: status, head: text[..<split.lowerBound].lowercased(), body: String(text[split.upperBound...]))
    }
}

/// The value of one series of an exposition; 0 where there is none.
func metric(_ series: String, in exposition: String) -> Double {
    for line in exposition.split(separator: "\n") where line.hasPrefix(series + " ") {
        return Double(line.dropFirst(series.count + 1)) ?? .nan
    }
    return 0
}
