/// Which connection is due next: a binary min-heap by time.
struct DueHeap {
    private var entries: [(dueNS: UInt64, token: Int)] = []

    var earliestNS: UInt64? { entries.first?.dueNS }

    mutating func push(_ dueNS: UInt64, _ token: Int) {
        entries.append((dueNS, token))
        var child = entries.count - 1
        while child > 0, case let parent = (child - 1) / 2, entries[child].dueNS < entries[parent].dueNS {
            entries.swapAt(child, parent)
            child = parent
        }
    }

    /// The earliest entry when it is due by `nowNS`.
    mutating func pop(by nowNS: UInt64) -> (dueNS: UInt64, token: Int)? {
        guard let first = entries.first, first.dueNS <= nowNS else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return first }
        entries[0] = last
        sink()
        return first
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count {
                if entries[child].dueNS < entries[least].dueNS { least = child }
            }
            if least == parent { return }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
