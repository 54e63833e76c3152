internal import CSystemd
internal import Glibc

/// One process, safe against its number being given to another: a pidfd where the kernel has one, else the start time.
///
/// Holds a descriptor until it is released, so keep it only while facts are being read.
package final class ProcessHandle: Sendable {
    /// The process id, greater than 0.
    package let pid: Int32
    private let pidfd: Int32?
    private let startTicks: UInt64?

    /// The peer of a connected Unix socket; nil when the process is gone or cannot be told from a later one.
    ///
    /// `SO_PEERPIDFD` names the very process that connected. Older kernels have only its number: then the process that
    /// has it now must have started before this call, which leaves the short time between connect and this call.
    init?(peerOf socket: Int32, pid: Int32) {
        guard pid > 0 else { return nil }
        self.pid = pid
        let peer = sluice_peer_pidfd(socket)
        if peer >= 0 {
            pidfd = peer
            startTicks = nil
            return
        }
        guard peer == -ENOPROTOOPT else { return nil }
        guard let fallback = ProcessHandle.openByNumber(pid) else { return nil }
        (pidfd, startTicks) = fallback
    }

    /// The process that has the number `pid` now, as on kernels without `SO_PEERPIDFD`.
    init?(pid: Int32) {
        guard pid > 0, let opened = ProcessHandle.openByNumber(pid) else { return nil }
        self.pid = pid
        (pidfd, startTicks) = opened
    }

    deinit {
        if let pidfd { close(pidfd) }
    }

    /// Whether the process still runs, so that what /proc says under its number is about it.
    var isSameAndAlive: Bool {
        if let pidfd {
            var poll = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
            guard retryingInterrupted({ Glibc.poll(&poll, 1, 0) }) == 0 else { return false }
        }
        guard let startTicks else { return pidfd != nil }
        return ProcFiles.startTicks(of: pid) == startTicks
    }

    private static func openByNumber(_ pid: Int32) -> (pidfd: Int32?, startTicks: UInt64)? {
        let pidfd = sluice_pidfd_open(pid)
        guard let started = ProcFiles.startTicks(of: pid), started <= ProcFiles.ticksSinceBoot() else {
            if pidfd >= 0 { close(pidfd) }
            return nil
        }
        return (pidfd >= 0 ? pidfd : nil, started)
    }
}
