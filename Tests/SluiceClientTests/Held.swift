import Synchronization

/// Collects calls until a number of them is there: how a test knows that they are in flight together.
final class Held: Sendable {
    private let count: Int
    private let arrivals = Mutex<[FakeAgent.Arrival]>([])

    init(_ count: Int) { self.count = count }

    /// All of them when this one is the last, else nil.
    func add(_ arrival: FakeAgent.Arrival) -> [FakeAgent.Arrival]? {
        guard arrival.call != nil else { return nil }
        return arrivals.withLock { arrivals in
            arrivals.append(arrival)
            return arrivals.count == count ? arrivals : nil
        }
    }

    /// The connections they came over.
    var peers: Set<Int> { arrivals.withLock { Set($0.map(\.peer.number)) } }
}
