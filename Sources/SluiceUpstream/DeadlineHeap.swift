/// What a ``DeadlineHeap`` holds. The heap alone writes the two properties.
protocol DeadlineOwner: AnyObject {
    /// Position in the heap, -1 outside of it.
    var heapIndex: Int { get set }
    /// When to look at the owner again, in ms.
    var deadlineMS: Int64 { get set }
}

/// A binary min-heap of owners by deadline whose members know their position, so that any of them is removed in
/// O(log n). One entry per live transfer: it is as bounded as they are. It keeps its members alive.
struct DeadlineHeap<Owner: DeadlineOwner> {
    private var owners: [Owner] = []

    var count: Int { owners.count }
    var earliestMS: Int64? { owners.first?.deadlineMS }

    mutating func insert(_ owner: Owner, deadlineMS: Int64) {
        precondition(owner.heapIndex < 0, "an owner already in the heap at \(owner.heapIndex)")
        owner.deadlineMS = deadlineMS
        owners.append(owner)
        siftUp(owner, from: owners.count - 1)
    }

    mutating func remove(_ owner: Owner) {
        let index = owner.heapIndex
        guard index >= 0 else { return }
        precondition(owners[index] === owner, "a foreign owner at \(index)")
        owner.heapIndex = -1
        let last = owners.removeLast()
        if last !== owner { replace(at: index, with: last) }
    }

    /// Moves a member to another deadline.
    mutating func move(_ owner: Owner, deadlineMS: Int64) {
        precondition(owner.heapIndex >= 0, "an owner outside of the heap")
        owner.deadlineMS = deadlineMS
        replace(at: owner.heapIndex, with: owner)
    }

    /// Removes and returns the earliest member if it is due.
    mutating func popDue(_ nowMS: Int64) -> Owner? {
        guard let first = owners.first, first.deadlineMS <= nowMS else { return nil }
        remove(first)
        return first
    }

    private mutating func replace(at index: Int, with owner: Owner) {
        if index > 0, owner.deadlineMS < owners[(index - 1) / 2].deadlineMS {
            siftUp(owner, from: index)
        } else {
            siftDown(owner, from: index)
        }
    }

    private mutating func siftUp(_ owner: Owner, from start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard owner.deadlineMS < owners[parent].deadlineMS else { break }
            place(owners[parent], at: index)
            index = parent
        }
        place(owner, at: index)
    }

    private mutating func siftDown(_ owner: Owner, from start: Int) {
        var index = start
        while true {
            var child = 2 * index + 1
            guard child < owners.count else { break }
            if child + 1 < owners.count, owners[child + 1].deadlineMS < owners[child].deadlineMS { child += 1 }
            guard owners[child].deadlineMS < owner.deadlineMS else { break }
            place(owners[child], at: index)
            index = child
        }
        place(owner, at: index)
    }

    private mutating func place(_ owner: Owner, at index: Int) {
        owners[index] = owner
        owner.heapIndex = index
    }
}
