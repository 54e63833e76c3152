/// Who goes next in one pool: first come, first served. A call that comes back from a failed attempt takes its old
/// place again, because its key is its arrival.
package struct FIFOScheduler: Sendable {
    private var heap = SlotHeap()
    /// Tokens reserved by everybody in the queue.
    package private(set) var queuedTokens = 0
    /// Bytes held by everybody in the queue.
    package private(set) var queuedBytes = 0

    package init() {}

    package var count: Int { heap.count }
    package var next: Int? { heap.first }

    mutating func enqueue(_ slot: Int, _ record: CallRecord) {
        heap.insert(slot, key: record.sequence)
        queuedTokens += record.cost.tokens
        queuedBytes += record.bytes
    }

    mutating func remove(_ slot: Int, _ record: CallRecord) {
        let removed = heap.remove(slot)
        precondition(removed, "slot \(slot) is not queued")
        queuedTokens -= record.cost.tokens
        queuedBytes -= record.bytes
        assert(queuedTokens >= 0 && queuedBytes >= 0, "queue sums fell below zero")
    }
}
