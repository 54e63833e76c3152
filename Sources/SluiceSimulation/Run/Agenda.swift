import SluicePolicy

/// What is to happen in a run, by time and then by the order in which it was planned: the order of two events of the
/// same microsecond must not hang on the shape of a heap.
struct Agenda {
    enum Event {
        /// The next call of a source that does not wait for answers.
        case arrival(source: Int)
        /// A caller of a closed source calls again.
        case caller(source: Int)
        case recorded(Int)
        case head(CallID, attempt: Int)
        case end(CallID, attempt: Int)
        case cancel(CallID)
        /// Once a virtual second.
        case second
    }

    private struct Entry {
        var time: Int64
        var number: Int
        var event: Event

        func precedes(_ other: Entry) -> Bool { time != other.time ? time < other.time : number < other.number }
    }

    private var heap: [Entry] = []
    private var added = 0

    var firstTime: Int64? { heap.first?.time }

    mutating func add(_ event: Event, at time: Int64) {
        heap.append(Entry(time: time, number: added, event: event))
        added += 1
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func popFirst() -> Event? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            siftDown()
        }
        return first.event
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].precedes(heap[least])
            {
                least = child
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
