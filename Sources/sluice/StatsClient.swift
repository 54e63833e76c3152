import ArgumentParser
import Foundation
import Glibc
import SluiceClient

/// Why a stats or admin socket gave no answer.
struct StatsFailure: Error, CustomStringConvertible {
    var description: String
}

/// What a socket answered.
struct SocketAnswer: Sendable {
    var status: Int
    var body: Data
}

/// One request without a body over a Unix socket: all that the commands need of HTTP.
enum StatsClient {
    /// Bytes of an answer that are read at most.
    private static let answerSize = 16 * 1024 * 1024

    /// The body of a 200.
    static func get(_ path: String, socket: String) async throws -> Data {
        let answer = try await ask("GET", path, socket: socket)
        guard answer.status == 200 else { throw notAnAgent }
        return answer.body
    }

    static func ask(_ method: String, _ path: String, socket: String) async throws -> SocketAnswer {
        try await Task.detached { try fetch(method, path, socket) }.value
    }

    /// Asks the socket that was named, or else those of this name beside the agent's usual places, until one answers.
    ///
    /// - Throws: exit code 4 when none does, after saying why and what to do.
    static func first<Answer>(
        _ named: String?, beside name: String, cure: String, ask: (_ socket: String) async throws -> Answer
    ) async throws -> Answer {
        var failures: [String] = []
        for place in named.map({ [$0] }) ?? SocketPlaces().paths.map({ beside($0, name) }) {
            do {
                return try await ask(place)
            } catch {
                failures.append("\(place) (\(error))")
            }
        }
        Terminal.complain("no agent answered at \(failures.joined(separator: ", ")). \(cure)")
        throw ExitCode(4)
    }

    private static func beside(_ agentSocket: String, _ name: String) -> String {
        URL(fileURLWithPath: agentSocket).deletingLastPathComponent().appendingPathComponent(name).path
    }

    private static let notAnAgent = StatsFailure(description: "not the answer of an agent")

    private static func fetch(_ method: String, _ path: String, _ socketPath: String) throws -> SocketAnswer {
        let descriptor = try connect(socketPath)
        defer { close(descriptor) }
        let request = "\(method) \(path) HTTP/1.1\r\nhost: sluice\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        _ = request.withCString { write(descriptor, $0, strlen($0)) }
        var answer = Data()
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while answer.count < answerSize {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            answer.append(contentsOf: buffer[..<count])
        }
        let head = String(decoding: answer.prefix(12), as: UTF8.self)
        guard let end = answer.range(of: Data("\r\n\r\n".utf8)), head.hasPrefix("HTTP/1.1 "),
            let status = Int(head.dropFirst(9))
        else { throw notAnAgent }
        return SocketAnswer(status: status, body: answer[end.upperBound...])
    }

    private static func connect(_ path: String) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw StatsFailure(description: "the path is too long for a socket")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw StatsFailure(description: String(cString: strerror(errno))) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw StatsFailure(description: reason)
        }
        return descriptor
    }
}
