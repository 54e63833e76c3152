internal import CCurl
internal import Glibc

/// epoll over libcurl's sockets and the wake-up descriptor.
///
/// libcurl drops its interest in a socket at the end of each transfer and takes it up again with the next one. For the
/// sockets that we open and close ourselves the kernel's registration stays in place in between, which saves two
/// system calls per exchange; it is corrected when an event arrives that nobody wants. Other descriptors (the resolver's
/// pair) come and go behind our back and are registered exactly as told.
final class SocketPoller {
    private struct Entry {
        var wanted: UInt32 = 0
        var registered: UInt32 = 0
        var isOurs = false
    }

    private static let capacity = 512
    private let poller: Int32
    private let wakeup: Int32
    private let events: UnsafeMutablePointer<epoll_event>
    // Indexed by descriptor, so bounded by the process's descriptor limit.
    private var entries: [Entry] = []

    /// Takes over neither descriptor's ownership but its own; `wakeup` is an eventfd.
    init(wakeup: Int32) throws(UpstreamEngineError) {
        self.wakeup = wakeup
        poller = sluice_epoll_create()
        events = .allocate(capacity: Self.capacity)
        guard poller >= 0, sluice_epoll_add_wakeup(poller, wakeup) == 0 else { throw .resources(errno: errno) }
    }

    deinit {
        if poller >= 0 { close(poller) }
        events.deallocate()
    }

    /// A socket of ours came to life.
    func opened(_ socket: Int32) {
        grow(to: socket)
        entries[Int(socket)] = Entry(isOurs: true)
    }

    /// A socket of ours is about to be closed; the kernel forgets its registration by itself.
    func closed(_ socket: Int32) {
        grow(to: socket)
        entries[Int(socket)] = Entry()
    }

    /// What libcurl wants to know of a socket (`CURL_POLL_…`).
    func want(_ socket: Int32, _ what: Int32) {
        grow(to: socket)
        let index = Int(socket)
        let interest = Self.interest(what)
        entries[index].wanted = interest
        if interest == 0, entries[index].isOurs { return }
        register(socket, interest)
    }

    /// Waits (-1: for ever) and returns how many events are ready.
    func wait(timeoutMS: Int32) -> Int {
        max(0, Int(sluice_epoll_wait(poller, events, Int32(Self.capacity), timeoutMS)))
    }

    /// The `index`-th ready socket and libcurl's mask for it; `nil` when there is nothing to tell libcurl.
    func ready(_ index: Int) -> (socket: Int32, mask: Int32)? {
        let socket = sluice_event_descriptor(events + index)
        let occurred = events[index].events
        guard socket != wakeup, Int(socket) < entries.count else { return nil }
        guard entries[Int(socket)].wanted != 0 else {
            register(socket, 0)
            return nil
        }
        return (socket, Self.mask(occurred))
    }

    private func register(_ socket: Int32, _ interest: UInt32) {
        let current = entries[Int(socket)].registered
        guard current != interest else { return }
        if interest == 0 {
            _ = sluice_epoll_delete(poller, socket)
        } else if current == 0 || sluice_epoll_modify(poller, socket, interest) != 0 {
            if sluice_epoll_add(poller, socket, interest) != 0 { _ = sluice_epoll_modify(poller, socket, interest) }
        }
        entries[Int(socket)].registered = interest
    }

    private func grow(to socket: Int32) {
        let missing = Int(socket) + 1 - entries.count
        if missing > 0 { entries.append(contentsOf: repeatElement(Entry(), count: missing)) }
    }

    private static let readable = UInt32(sluice_event_readable)
    private static let writable = UInt32(sluice_event_writable)
    private static let failed = UInt32(sluice_event_failed)

    private static func interest(_ what: Int32) -> UInt32 {
        switch what {
        case CURL_POLL_IN: readable
        case CURL_POLL_OUT: writable
        case CURL_POLL_INOUT: readable | writable
        default: 0
        }
    }

    private static func mask(_ occurred: UInt32) -> Int32 {
        var mask: Int32 = 0
        if occurred & readable != 0 { mask |= CURL_CSELECT_IN }
        if occurred & writable != 0 { mask |= CURL_CSELECT_OUT }
        if occurred & failed != 0 { mask |= CURL_CSELECT_ERR }
        return mask
    }
}
