import Foundation
import Glibc
import Synchronization

/// System calls on sockets, for the sides that are not under test.
enum RawSocket {
    static func connect(_ path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard withAddress(path, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
            let code = errno
            Glibc.close(descriptor)
            throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EIO)
        }
        return descriptor
    }

    static func bind(_ path: String, datagrams: Bool = false, listening: Bool = true) throws -> Int32 {
        let kind = datagrams ? SOCK_DGRAM.rawValue : SOCK_STREAM.rawValue
        let descriptor = socket(AF_UNIX, Int32(kind | SOCK_CLOEXEC.rawValue), 0)
        guard withAddress(path, { Glibc.bind(descriptor, $0, $1) }) == 0 else { throw POSIXError(.EADDRINUSE) }
        if !datagrams, listening { Glibc.listen(descriptor, 1_024) }
        return descriptor
    }

    /// False when the peer is gone.
    @discardableResult
    static func write(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { bytes in
                send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Whatever is there, at least a byte; empty at the end.
    static func read(_ descriptor: Int32, upTo limit: Int = 65_536) -> [UInt8] {
        while true {
            var count = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
                count = recv(descriptor, buffer.baseAddress, limit, 0)
                filled = max(0, count)
            }
            if count < 0, errno == EINTR { continue }
            return bytes
        }
    }

    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        return withUnsafeBytes(of: address) { raw in
            raw.withMemoryRebound(to: sockaddr.self) { name in
                name.baseAddress.map { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) } ?? -1
            }
        }
    }
}

/// A descriptor that one thread closes while others may still shut it down: never one that is somebody else's by then.
final class OpenSocket: Sendable {
    private let descriptor: Mutex<Int32?>

    init(_ descriptor: Int32) { self.descriptor = Mutex(descriptor) }

    deinit { close() }

    func shut(_ direction: Int) {
        descriptor.withLock { open in
            if let open { shutdown(open, Int32(direction)) }
        }
    }

    func close() {
        descriptor.withLock { open in
            if let open { Glibc.close(open) }
            open = nil
        }
    }
}
