import Dispatch
import Foundation
import Glibc
import Synchronization

/// A server on real sockets whose every connection is a script on a thread of its own.
final class ScriptedServer: Sendable {
    let port: Int
    let unixPath: String?
    private let listener: Int32
    private struct State {
        var accepted = 0
        var open = 0
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Connections accepted so far.
    var connections: Int { state.withLock { $0.accepted } }
    var baseURL: String { "http://127.0.0.1:\(port)/v1" }

    init(unixPath: String? = nil, script: @escaping @Sendable (Connection) -> Void) throws {
        self.unixPath = unixPath
        let descriptor = socket(unixPath == nil ? AF_INET : AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let bound = unixPath.map { Self.bind(descriptor, unix: $0) } ?? Self.bindLoopback(descriptor)
        guard bound, listen(descriptor, 1_024) == 0 else { throw POSIXError(.EADDRINUSE) }
        listener = descriptor
        port = unixPath == nil ? Self.port(of: descriptor) : 0
        Thread.detachNewThread { [weak self] in
            while true {
                let peer = accept(descriptor, nil, nil)
                guard peer >= 0 else { return }
                guard let server = self else { return _ = close(peer) }
                server.noteOpened()
                Thread.detachNewThread {
                    script(Connection(peer))
                    server.noteClosed()
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// Returns when no script is at work any more.
    func allClosed() async {
        await withCheckedContinuation { continuation in
            let isQuiet = state.withLock { state in
                if state.open > 0 { state.waiters.append(continuation) }
                return state.open == 0
            }
            if isQuiet { continuation.resume() }
        }
    }

    private func noteOpened() {
        state.withLock { state in
            state.accepted += 1
            state.open += 1
        }
    }

    private func noteClosed() {
        let waiters = state.withLock { state in
            state.open -= 1
            defer { if state.open == 0 { state.waiters = [] } }
            return state.open == 0 ? state.waiters : []
        }
        for waiter in waiters { waiter.resume() }
    }

    /// A loopback port on which nobody listens.
    static func unusedPort() throws -> Int {
        let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(probe) }
        guard bindLoopback(probe) else { throw POSIXError(.EADDRINUSE) }
        return port(of: probe)
    }

    private static func bindLoopback(_ descriptor: Int32) -> Bool {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func bind(_ descriptor: Int32, unix path: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }

    private static func port(of descriptor: Int32) -> Int {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

/// One accepted connection, blocking; closed with the last reference.
final class Connection: @unchecked Sendable {
    struct Request: Sendable {
        let line: String
        let headers: [String]
        let body: [UInt8]

        var path: String { String(line.split(separator: " ").dropFirst().first ?? "") }
        func header(_ name: String) -> String? {
            headers.first { $0.lowercased().hasPrefix(name + ":") }.map { line in
                String(line.dropFirst(name.count + 1)).trimmingCharacters(in: .whitespaces)
            }
        }
    }

    let descriptor: Int32
    private var buffer: [UInt8] = []

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit {
        // A process started by another test may hold a copy of the descriptor; the peer must see the end all the same.
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    /// The next request, or nil when the peer is gone.
    func readRequest() -> Request? {
        guard let head = readHead() else { return nil }
        let lines = head.components(separatedBy: "\r\n").filter { !$0.isEmpty }
        let bare = Request(line: lines.first ?? "", headers: Array(lines.dropFirst()), body: [])
        guard let length = bare.header("content-length").flatMap(Int.init) else { return bare }
        while buffer.count < length {
            guard fill() else { return nil }
        }
        defer { buffer.removeFirst(length) }
        return Request(line: bare.line, headers: bare.headers, body: Array(buffer.prefix(length)))
    }

    /// Whether all of it could be written.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult
    func reply(_ body: [UInt8], status: String = "200 OK", headers: [String] = []) -> Bool {
        let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.count)"] + headers
        return send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body)
    }

    /// Blocks until the peer closes; false if it sent something instead.
    func waitForClose() -> Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, 0) <= 0
    }

    private func readHead() -> String? {
        while true {
            if let range = Data(buffer).range(of: Data("\r\n\r\n".utf8)) {
                defer { buffer.removeFirst(range.upperBound) }
                return String(decoding: buffer[..<range.upperBound], as: UTF8.self)
            }
            guard fill() else { return nil }
        }
    }

    private func fill() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else { return false }
        buffer.append(contentsOf: chunk[..<count])
        return true
    }
}

/// A value that one thread sets once and a test waits for.
final class Signal<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var waiters: [CheckedContinuation<Value, Never>] = []
    }

    private let state = Mutex(State())

    func set(_ value: Value) {
        let waiters = state.withLock { state in
            state.value = state.value ?? value
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: value) }
    }

    func wait() async -> Value {
        await withCheckedContinuation { continuation in
            let value = state.withLock { state in
                if state.value == nil { state.waiters.append(continuation) }
                return state.value
            }
            if let value { continuation.resume(returning: value) }
        }
    }
}

/// Lets a server's thread wait for the test.
struct Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    func open() { semaphore.signal() }
    func pass() { semaphore.wait() }
}
