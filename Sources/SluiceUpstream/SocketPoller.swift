internal import CCurl
internal import Glibc

/// epoll over libcurl's sockets and the wake-up descriptor.
///
/// Registrations follow libcurl's word to the letter, two system calls per exchange. Keeping them between exchanges
/// would save those, but libcurl closes sockets that never came to stand without a word, and a number used again would
/// then pass for registered.
final class SocketPoller {
    private static let capacity = 512
    private let poller: Int32
    private let wakeup: Int32
    private let events: UnsafeMutablePointer<epoll_event>
    // What libcurl wants of each descriptor, by number, so bounded by the process's descriptor limit.
    private var interests: [UInt32] = []

    /// `wakeup` is an eventfd that stays its owner's.
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

    /// What libcurl wants to know of a socket (`CURL_POLL_…`).
    func want(_ socket: Int32, _ what: Int32) {
        let index = Int(socket)
        if index >= interests.count {
            interests.append(contentsOf: repeatElement(0, count: index + 1 - interests.count))
        }
        let interest = Self.interest(what)
        let isNew = interests[index] == 0
        interests[index] = interest
        if interest == 0 {
            _ = sluice_epoll_delete(poller, socket)
        } else if isNew, sluice_epoll_add(poller, socket, interest) == 0 {
            return
        } else if sluice_epoll_modify(poller, socket, interest) != 0 {
            _ = sluice_epoll_add(poller, socket, interest)
        }
    }

    /// A socket was opened. Where libcurl still wants something of its number, it closed that number's last socket
    /// without a word and will not repeat itself, while the kernel has forgotten.
    func opened(_ socket: Int32) {
        guard Int(socket) < interests.count, interests[Int(socket)] != 0 else { return }
        _ = sluice_epoll_add(poller, socket, interests[Int(socket)])
    }

    /// Waits (-1: for ever) and returns how many events are ready.
    func wait(timeoutMS: Int32) -> Int {
        max(0, Int(sluice_epoll_wait(poller, events, Int32(Self.capacity), timeoutMS)))
    }

    /// The `index`-th ready socket and libcurl's mask for it; `nil` when there is nothing to tell libcurl.
    func ready(_ index: Int) -> (socket: Int32, mask: Int32)? {
        let socket = sluice_event_descriptor(events + index)
        guard socket != wakeup, Int(socket) < interests.count, interests[Int(socket)] != 0 else { return nil }
        return (socket, Self.mask(events[index].events))
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
