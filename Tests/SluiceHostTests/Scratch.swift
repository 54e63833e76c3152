import Foundation
import Glibc

/// A directory of its own for one test, removed at the end. Short, so that socket paths fit.
final class Scratch: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/sluice-host-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw POSIXError(.EIO) }
        path = String(cString: made)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }
}

/// A descriptor that closes itself.
final class Descriptor: Sendable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }
}

/// Raw sockets, for the side that is not under test.
enum RawSocket {
    static func unix(_ type: __socket_type = SOCK_STREAM) -> Descriptor {
        Descriptor(socket(AF_UNIX, CInt(type.rawValue), 0))
    }

    /// A Unix socket bound to `path` (a leading @ is an abstract name); listens if it is a stream.
    static func bound(to path: String, type: __socket_type = SOCK_STREAM, listening: Bool = true) -> Descriptor {
        let descriptor = unix(type)
        withAddress(of: path) { bind(descriptor.number, $0, $1) }
        if listening, type == SOCK_STREAM { listen(descriptor.number, 8) }
        return descriptor
    }

    /// The errno of a connect to `path`; 0 when it went well.
    static func connectCode(_ path: String) -> Int32 {
        let descriptor = unix()
        return withAddress(of: path) { connect(descriptor.number, $0, $1) } == 0 ? 0 : errno
    }

    /// A socket that is connected to `path` and stays so.
    static func connecting(to path: String) -> Descriptor {
        let descriptor = unix()
        withAddress(of: path) { connect(descriptor.number, $0, $1) }
        return descriptor
    }

    /// Closes a listener so that connects are refused from now on, even if a child that another test is just starting
    /// still has a copy of it.
    static func endListening(_ descriptor: Int32) {
        shutdown(descriptor, CInt(SHUT_RDWR))
        close(descriptor)
    }

    static func accepted(on listener: Int32) -> Descriptor { Descriptor(accept(listener, nil, nil)) }

    /// A TCP socket on an IPv4 address and a port of the kernel's choice.
    static func tcp(_ address: UInt32) -> Descriptor {
        let descriptor = Descriptor(socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = address.bigEndian
        withUnsafeBytes(of: name) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) {
                _ = bind(descriptor.number, $0.baseAddress, socklen_t(bytes.count))
            }
        }
        listen(descriptor.number, 8)
        return descriptor
    }

    /// The next datagram as text.
    static func receive(_ descriptor: Descriptor) -> String {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = recv(descriptor.number, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    static func isOpen(_ descriptor: Int32) -> Bool { fcntl(descriptor, F_GETFD) >= 0 }

    @discardableResult
    private static func withAddress<Result>(
        of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let isAbstract = path.hasPrefix("@")
        let bytes = isAbstract ? [0] + Array(path.utf8.dropFirst()) : Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = isAbstract ? 2 + bytes.count : MemoryLayout<sockaddr_un>.size
        return withUnsafeBytes(of: address) { raw in
            raw.withMemoryRebound(to: sockaddr.self) { body($0.baseAddress!, socklen_t(length)) }
        }
    }
}
