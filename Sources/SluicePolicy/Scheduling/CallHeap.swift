/// Where each call stands in the one heap that holds it, by slot: shared by all heaps of the engine, so that a heap
/// costs no more than its calls. -1 when it is in none.
struct CallPlaces: Sendable {
    fileprivate var positions: [Int32] = []

    fileprivate mutating func grow(to slot: Int) {
        while positions.count <= slot { positions.append(-1) }
    }

    func isQueued(_ slot: Int) -> Bool { slot < positions.count && positions[slot] >= 0 }
}

/// A binary min-heap of calls by key and then by arrival, from which any call can be removed in O(log n).
struct CallHeap: Sendable {
    struct Entry: Sendable {
        var key: Int64
        /// Order of arrival: who has waited longer goes first among equals.
        var sequence: Int64
        var slot: Int32

        func precedes(_ other: Entry) -> Bool { key != other.key ? key < other.key : sequence < other.sequence }
    }

    private(set) var entries: [Entry] = []

    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty }
    /// The slot of the call that is first.
    var first: Int? { entries.first.map { Int($0.slot) } }

    mutating func insert(_ slot: Int, key: Int64, sequence: Int64, _ places: inout CallPlaces) {
        places.grow(to: slot)
        precondition(places.positions[slot] < 0, "call \(slot) is queued already")
        entries.append(Entry(key: key, sequence: sequence, slot: Int32(slot)))
        places.positions[slot] = Int32(entries.count - 1)
        siftUp(entries.count - 1, &places)
    }

    mutating func remove(_ slot: Int, _ places: inout CallPlaces) {
        precondition(places.isQueued(slot), "call \(slot) is not queued")
        let index = Int(places.positions[slot])
        precondition(Int(entries[index].slot) == slot, "call \(slot) is in another heap")
        places.positions[slot] = -1
        let last = entries.removeLast()
        guard index < entries.count else { return }
        entries[index] = last
        places.positions[Int(last.slot)] = Int32(index)
        siftDown(index, &places)
        siftUp(Int(places.positions[Int(last.slot)]), &places)
    }

    private mutating func siftUp(_ start: Int, _ places: inout CallPlaces) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard entries[index].precedes(entries[parent]) else { return }
            swap(index, parent, &places)
            index = parent
        }
    }

    private mutating func siftDown(_ start: Int, _ places: inout CallPlaces) {
        var index = start
        while true {
            let left = 2 * index + 1
            var least = index
            if left < entries.count, entries[left].precedes(entries[least]) { least = left }
            if left + 1 < entries.count, entries[left + 1].precedes(entries[least]) { least = left + 1 }
            guard least != index else { return }
            swap(index, least, &places)
            index = least
        }
    }

    private mutating func swap(_ one: Int, _ other: Int, _ places: inout CallPlaces) {
        entries.swapAt(one, other)
        places.positions[Int(entries[one].slot)] = Int32(one)
        places.positions[Int(entries[other].slot)] = Int32(other)
    }
}
