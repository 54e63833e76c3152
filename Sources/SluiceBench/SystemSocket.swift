internal import CBench
internal import Glibc

/// Non-blocking stream sockets, as thin as they get: the load generator shares two cores with what it measures.
enum SystemSocket {
    static func isIPv4(_ host: String) -> Bool {
        var address = in_addr()
        return inet_pton(AF_INET, host, &address) == 1
    }

    /// A connected socket, non-blocking from then on.
    static func connect(_ address: SocketAddress) throws(BenchError) -> CInt {
        let descriptor = try open(address)
        let status = withAddress(address) { Glibc.connect(descriptor, $0, $1) }
        guard status == 0 else {
            let reason = Self.reason
            close(descriptor)
            throw BenchError("cannot connect to \(address): \(reason)")
        }
        try prepare(descriptor, address)
        return descriptor
    }

    /// A listening socket, non-blocking. A socket file that is left over at the path is replaced.
    static func listen(_ address: SocketAddress) throws(BenchError) -> CInt {
        let descriptor = try open(address)
        if case .unix(let path) = address { unlink(path) }
        var yes: CInt = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
        guard withAddress(address, { bind(descriptor, $0, $1) }) == 0, Glibc.listen(descriptor, 4096) == 0 else {
            let reason = Self.reason
            close(descriptor)
            throw BenchError("cannot listen on \(address): \(reason)")
        }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        return descriptor
    }

    /// The next waiting connection, non-blocking; nil when none waits.
    static func accept(_ listener: CInt) -> CInt? {
        let descriptor = bench_accept(listener)
        if descriptor < 0 { return nil }
        disableDelay(descriptor)
        return descriptor
    }

    /// The process that listens at the other end of a Unix socket, as the kernel recorded it; nil for other sockets
    /// and when systemd opened the socket.
    static func peerPID(_ descriptor: CInt) -> Int? {
        let pid = bench_peer_pid(descriptor)
        return pid > 1 ? Int(pid) : nil
    }

    /// The operating system's words for the last failure.
    static var reason: String { String(cString: strerror(errno)) }

    private static func open(_ address: SocketAddress) throws(BenchError) -> CInt {
        let family =
            switch address {
            case .unix: AF_UNIX
            case .ipv4: AF_INET
            }
        let descriptor = socket(family, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw BenchError("cannot open a socket: \(reason); raise `ulimit -n`?") }
        return descriptor
    }

    private static func prepare(_ descriptor: CInt, _ address: SocketAddress) throws(BenchError) {
        if case .ipv4 = address { disableDelay(descriptor) }
        guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { throw BenchError("cannot set O_NONBLOCK: \(reason)") }
    }

    private static func disableDelay(_ descriptor: CInt) {
        var yes: CInt = 1
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<CInt>.size))
    }

    private static func withAddress(
        _ address: SocketAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) -> CInt {
        switch address {
        case .unix(let path):
            var storage = sockaddr_un()
            storage.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &storage.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
            return withPointer(to: &storage, body)
        case .ipv4(let host, let port):
            var storage = sockaddr_in()
            storage.sin_family = sa_family_t(AF_INET)
            storage.sin_port = port.bigEndian
            inet_pton(AF_INET, host, &storage.sin_addr)
            return withPointer(to: &storage, body)
        }
    }

    private static func withPointer<Storage>(
        to storage: inout Storage, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) -> CInt {
        withUnsafePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<Storage>.size))
            }
        }
    }
}

/// The monotonic clock that every process of the host shares.
enum MonotonicClock {
    /// Nanoseconds since an arbitrary start, the same for all processes.
    static var nowNS: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
