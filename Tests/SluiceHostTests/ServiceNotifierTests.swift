import Glibc
import Testing

@testable import SluiceHost

/// Each test is a process of its own, because it changes the environment.
@Suite("Telling the service manager")
struct ServiceNotifierTests {
    @Test("Every message arrives as sd_notify(3) writes it")
    func messages() async {
        await #expect(processExitsWith: .success) {
            let scratch = try Scratch()
            let manager = RawSocket.bound(to: scratch.file("notify"), type: SOCK_DGRAM)
            setenv("NOTIFY_SOCKET", scratch.file("notify"), 1)
            let notifier = ServiceNotifier()
            #expect(notifier.ready())
            #expect(RawSocket.receive(manager) == "READY=1")
            #expect(notifier.ready(status: "running, 3 in flight"))
            #expect(RawSocket.receive(manager) == "READY=1\nSTATUS=running, 3 in flight")
            #expect(notifier.stopping(status: "draining"))
            #expect(RawSocket.receive(manager) == "STOPPING=1\nSTATUS=draining")
            #expect(notifier.extendTimeout(microseconds: 5_000_000))
            #expect(RawSocket.receive(manager) == "EXTEND_TIMEOUT_USEC=5000000")
            #expect(notifier.watchdog())
            #expect(RawSocket.receive(manager) == "WATCHDOG=1")
        }
    }

    @Test("A reload carries the monotonic time of its begin")
    func reload() async {
        await #expect(processExitsWith: .success) {
            let scratch = try Scratch()
            let manager = RawSocket.bound(to: scratch.file("notify"), type: SOCK_DGRAM)
            setenv("NOTIFY_SOCKET", scratch.file("notify"), 1)
            let before = monotonicMicroseconds()
            #expect(ServiceNotifier().reloading())
            let after = monotonicMicroseconds()
            let lines = RawSocket.receive(manager).split(separator: "\n")
            #expect(lines.first == "RELOADING=1")
            let time = try #require(lines.last?.split(separator: "=").last.flatMap { UInt64($0) })
            #expect((before...after).contains(time))
        }
    }

    @Test("An abstract socket works")
    func abstractSocket() async {
        await #expect(processExitsWith: .success) {
            let name = "@sluice-host-tests-\(getpid())"
            let manager = RawSocket.bound(to: name, type: SOCK_DGRAM)
            setenv("NOTIFY_SOCKET", name, 1)
            #expect(ServiceNotifier().status("here"))
            #expect(RawSocket.receive(manager) == "STATUS=here")
        }
    }

    @Test("A status cannot smuggle in another assignment, and is bounded")
    func statusIsOneLine() async {
        await #expect(processExitsWith: .success) {
            let scratch = try Scratch()
            let manager = RawSocket.bound(to: scratch.file("notify"), type: SOCK_DGRAM)
            setenv("NOTIFY_SOCKET", scratch.file("notify"), 1)
            #expect(ServiceNotifier().status("a\nMAINPID=1\u{2028}b"))
            #expect(RawSocket.receive(manager) == "STATUS=a MAINPID=1 b")
            #expect(ServiceNotifier().status(String(repeating: "x", count: 1_000)))
            #expect(RawSocket.receive(manager) == "STATUS=" + String(repeating: "x", count: 256))
        }
    }

    @Test("Without a service manager nothing is sent, and a dead one is no disaster")
    func nobodyListens() async {
        await #expect(processExitsWith: .success) {
            unsetenv("NOTIFY_SOCKET")
            #expect(!ServiceNotifier().ready())
            setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1)
            #expect(!ServiceNotifier().watchdog())
        }
    }

    @Test("The watchdog's interval is read only when it is for this process")
    func watchdogInterval() async {
        await #expect(processExitsWith: .success) {
            unsetenv("WATCHDOG_USEC")
            unsetenv("WATCHDOG_PID")
            #expect(Watchdog.intervalUSec == nil)
            setenv("WATCHDOG_USEC", "30000000", 1)
            #expect(Watchdog.intervalUSec == 30_000_000)
            setenv("WATCHDOG_PID", "\(getpid())", 1)
            #expect(Watchdog.intervalUSec == 30_000_000)
            setenv("WATCHDOG_PID", "1", 1)
            #expect(Watchdog.intervalUSec == nil)
            unsetenv("WATCHDOG_PID")
            setenv("WATCHDOG_USEC", "soon", 1)
            #expect(Watchdog.intervalUSec == nil)
        }
    }
}

private func monotonicMicroseconds() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1_000
}
