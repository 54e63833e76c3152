internal import CBench
internal import Glibc

/// epoll, level-triggered, with tokens in place of descriptors.
final class Poller {
    private let descriptor: CInt
    /// Events taken at once; the C side takes no more.
    private var ready = [bench_ready](repeating: bench_ready(), count: 64)

    init() throws(BenchError) {
        descriptor = bench_epoll_create()
        guard descriptor >= 0 else { throw BenchError("cannot create an epoll: \(SystemSocket.reason)") }
    }

    deinit { close(descriptor) }

    func add(_ socket: CInt, token: Int) { _ = bench_epoll_set(descriptor, socket, UInt64(token), 1, 0) }

    /// Whether to be told when the socket takes bytes again.
    func modify(_ socket: CInt, token: Int, wantsWrite: Bool) {
        _ = bench_epoll_set(descriptor, socket, UInt64(token), 0, wantsWrite ? 1 : 0)
    }

    /// Waits for at most `timeoutNS` and calls `body` for each descriptor that can be read or written.
    func wait(timeoutNS: UInt64, _ body: (_ token: Int, _ isReadable: Bool, _ isWritable: Bool) -> Void) {
        let count = bench_epoll_wait(descriptor, &ready, CInt(ready.count), timeoutNS)
        for entry in ready[..<Int(count)] {
            body(Int(entry.token), entry.readable != 0, entry.writable != 0)
        }
    }
}
