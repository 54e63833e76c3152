import Testing

@testable import SluiceUpstream

/// The heap against a sorted list.
@Suite struct DeadlineHeapTests {
    private final class Owner: DeadlineOwner {
        var heapIndex = -1
        var deadlineMS: Int64 = 0
    }

    @Test(arguments: [UInt64(1), 2, 3, 4])
    func itAgreesWithASortedList(seed: UInt64) {
        var random = SplitMix(state: seed)
        var heap = DeadlineHeap<Owner>()
        var model: [Owner] = []
        for _ in 0..<4_000 {
            let time = Int64(random.next() % 1_000)
            switch random.next() % 5 {
            case 0, 1:
                let owner = Owner()
                heap.insert(owner, deadlineMS: time)
                model.append(owner)
            case 2:
                guard let owner = model.randomElement(using: &random) else { continue }
                heap.move(owner, deadlineMS: time)
            case 3:
                guard let owner = model.randomElement(using: &random) else { continue }
                heap.remove(owner)
                heap.remove(owner)
                model.removeAll { $0 === owner }
            default:
                let due = heap.popDue(time)
                let earliest = model.map(\.deadlineMS).min()
                #expect(due?.deadlineMS == earliest.flatMap { $0 <= time ? $0 : nil })
                model.removeAll { $0 === due }
            }
            #expect(heap.count == model.count)
            #expect(heap.earliestMS == model.map(\.deadlineMS).min())
        }
    }
}
