internal import Glibc

/// Questions about the address that a socket is bound to.
enum LocalAddress {
    /// Whether a TCP socket is bound to 127.0.0.0/8 or ::1.
    static func isLoopback(_ descriptor: Int32) -> Bool {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let named = withUnsafeMutableBytes(of: &storage) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { getsockname(descriptor, $0.baseAddress, &length) }
        }
        guard named == 0 else { return false }
        return withUnsafeBytes(of: storage) { bytes in
            switch CInt(storage.ss_family) {
            case AF_INET: isLoopback(bytes.loadUnaligned(as: sockaddr_in.self))
            case AF_INET6: isLoopback(bytes.loadUnaligned(as: sockaddr_in6.self))
            default: false
            }
        }
    }

    private static func isLoopback(_ address: sockaddr_in) -> Bool {
        UInt32(bigEndian: address.sin_addr.s_addr) >> 24 == 127
    }

    private static func isLoopback(_ address: sockaddr_in6) -> Bool {
        withUnsafeBytes(of: address.sin6_addr) { $0.dropLast().allSatisfy { $0 == 0 } && $0.last == 1 }
    }
}
