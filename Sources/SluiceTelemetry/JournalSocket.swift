import Glibc
import Synchronization

/// Sends entries to journald's datagram socket. A plain `AF_UNIX` socket, so that libsystemd is not needed for it.
/// Safe to use from several threads: one entry is one datagram.
package final class JournalSocket: Sendable {
    /// Where journald listens.
    package static let defaultPath = "/run/systemd/journal/socket"

    /// What became of an entry.
    enum Outcome: Equatable {
        case sent
        /// The journal does not keep up; waiting for it would stop the event loop.
        case full
        /// Nobody listens.
        case unreachable
    }

    private let descriptor: CInt
    private let path: String
    private let dropped = Atomic<Int>(0)

    /// Opens a socket; nothing is sent yet, and journald may come later.
    package init(path: String = defaultPath) {
        self.path = path
        self.descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Entries that were dropped because the journal did not keep up.
    package var droppedEntries: Int { dropped.load(ordering: .relaxed) }

    /// Sends one entry without waiting. Addressed anew each time, so that a restarted journald is found again.
    func send(_ entry: [UInt8]) -> Outcome {
        guard descriptor >= 0, var address = UnixAddress(path) else { return .unreachable }
        for _ in 0..<4 {
            let count = address.withPointer { sendto(descriptor, entry, entry.count, flags, $0, $1) }
            if count == entry.count { return .sent }
            switch errno {
            case EINTR: continue
            case EAGAIN, ENOBUFS:
                dropped.add(1, ordering: .relaxed)
                return .full
            default: return .unreachable
            }
        }
        return .unreachable
    }

    private var flags: CInt { CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL) }
}

/// A socket address with a path of at most 107 bytes.
private struct UnixAddress {
    private var address = sockaddr_un()

    init?(_ path: String) {
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    }

    mutating func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
