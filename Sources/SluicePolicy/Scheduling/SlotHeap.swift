/// A binary min-heap of small integers ("slots") by key, from which any slot can be removed in O(log n).
///
/// Equal keys leave in the order of their slots, so that the same events always give the same order.
package struct SlotHeap: Sendable {
    private struct Entry: Sendable {
        var key: Int64
        var slot: Int32

        func precedes(_ other: Entry) -> Bool { key != other.key ? key < other.key : slot < other.slot }
    }

    private var entries: [Entry] = []
    /// Where each slot stands in `entries`, -1 when it is not in the heap.
    private var positions: [Int32] = []

    package init() {}

    package var count: Int { entries.count }
    package var isEmpty: Bool { entries.isEmpty }
    /// The slot with the lowest key.
    package var first: Int? { entries.first.map { Int($0.slot) } }
    /// The lowest key.
    package var firstKey: Int64? { entries.first?.key }

    package func contains(_ slot: Int) -> Bool { slot < positions.count && positions[slot] >= 0 }

    /// Puts a slot in; it may not be in the heap already.
    package mutating func insert(_ slot: Int, key: Int64) {
        precondition(slot >= 0 && slot < Int(Int32.max), "slot out of range: \(slot)")
        precondition(!contains(slot), "slot \(slot) is in the heap already")
        while positions.count <= slot { positions.append(-1) }
        entries.append(Entry(key: key, slot: Int32(slot)))
        positions[slot] = Int32(entries.count - 1)
        siftUp(entries.count - 1)
    }

    /// Takes a slot out, wherever it stands; answers whether it was there.
    @discardableResult
    package mutating func remove(_ slot: Int) -> Bool {
        guard contains(slot) else { return false }
        let index = Int(positions[slot])
        assert(Int(entries[index].slot) == slot, "slot \(slot) is not at \(index)")
        positions[slot] = -1
        let last = entries.removeLast()
        guard index < entries.count else { return true }
        entries[index] = last
        positions[Int(last.slot)] = Int32(index)
        siftDown(index)
        siftUp(Int(positions[Int(last.slot)]))
        return true
    }

    /// Takes out the slot with the lowest key.
    package mutating func popFirst() -> Int? {
        guard let first else { return nil }
        remove(first)
        return first
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard entries[index].precedes(entries[parent]) else { return }
            swap(index, parent)
            index = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var index = start
        while true {
            let left = 2 * index + 1
            var least = index
            if left < entries.count, entries[left].precedes(entries[least]) { least = left }
            if left + 1 < entries.count, entries[left + 1].precedes(entries[least]) { least = left + 1 }
            guard least != index else { return }
            swap(index, least)
            index = least
        }
    }

    private mutating func swap(_ one: Int, _ other: Int) {
        entries.swapAt(one, other)
        positions[Int(entries[one].slot)] = Int32(one)
        positions[Int(entries[other].slot)] = Int32(other)
    }
}
