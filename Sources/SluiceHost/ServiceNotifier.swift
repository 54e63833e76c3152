internal import CSystemd
internal import Glibc

/// Tells the service manager how the daemon is doing, as sd_notify(3) describes.
///
/// Every call returns whether the datagram was sent; without `NOTIFY_SOCKET` in the environment nothing is sent and
/// nothing is wrong. Calls are cheap (one datagram) but do go to the kernel: not for every request.
package struct ServiceNotifier: Sendable {
    /// A notifier for the service manager that started this process, if one did.
    package init() {}

    /// The daemon is up, or a reload has ended.
    @discardableResult
    package func ready(status: String? = nil) -> Bool {
        send("READY=1", status: status)
    }

    /// Sets the line that `systemctl status` shows: made one line, at most 256 bytes.
    @discardableResult
    package func status(_ text: String) -> Bool {
        send(nil, status: text)
    }

    /// A reload begins; `ready` must follow. Carries the monotonic time that `Type=notify-reload` asks for.
    @discardableResult
    package func reloading(status: String? = nil) -> Bool {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let microseconds = UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1_000
        return send("RELOADING=1\nMONOTONIC_USEC=\(microseconds)", status: status)
    }

    /// The daemon begins to stop.
    @discardableResult
    package func stopping(status: String? = nil) -> Bool {
        send("STOPPING=1", status: status)
    }

    /// Asks for `microseconds` more from now before the running start or stop counts as timed out.
    @discardableResult
    package func extendTimeout(microseconds: UInt64) -> Bool {
        send("EXTEND_TIMEOUT_USEC=\(microseconds)", status: nil)
    }

    /// The daemon is alive. To be sent only after every part of it has just shown that it is.
    @discardableResult
    package func watchdog() -> Bool {
        send("WATCHDOG=1", status: nil)
    }

    private func send(_ assignments: String?, status: String?) -> Bool {
        let line = status.map { "STATUS=" + SafeText.line($0, replacement: " ") }
        let message = [assignments, line].compactMap { $0 }.joined(separator: "\n")
        return sluice_notify(message) > 0
    }
}
