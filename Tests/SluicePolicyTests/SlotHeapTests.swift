import SluicePolicy
import Testing

@Suite struct SlotHeapTests {
    /// Against an array that is sorted anew each time.
    @Test(arguments: Seeds.range(dividedBy: 10))
    func agreesWithASortedArray(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let keys = random.element([2, 50, 1 << 40])
        var heap = SlotHeap()
        var reference: [(key: Int64, slot: Int)] = []
        for step in 0..<1_500 {
            let slot = random.pick(0...120)
            switch random.pick(0...9) {
            case 0...4 where !heap.contains(slot):
                let key = Int64(random.pick(-keys...keys))
                heap.insert(slot, key: key)
                let place = reference.firstIndex { ($0.key, $0.slot) > (key, slot) } ?? reference.count
                reference.insert((key, slot), at: place)
            case 5...7:
                let place = reference.firstIndex { $0.slot == slot }
                let removed = heap.remove(slot)
                #expect(removed == (place != nil), "step \(step)")
                if let place { reference.remove(at: place) }
            case 8:
                let popped = heap.popFirst()
                #expect(popped == reference.first?.slot, "step \(step)")
                if !reference.isEmpty { reference.removeFirst() }
            default:
                #expect(heap.contains(slot) == reference.contains { $0.slot == slot }, "step \(step)")
            }
            #expect(heap.count == reference.count && heap.isEmpty == reference.isEmpty)
            #expect(heap.first == reference.first?.slot && heap.firstKey == reference.first?.key, "step \(step)")
        }
        var rest: [Int] = []
        while let slot = heap.popFirst() { rest.append(slot) }
        #expect(rest == reference.map(\.slot))
    }

    @Test func anEmptyHeapAnswersNothing() {
        var heap = SlotHeap()
        let (popped, removed) = (heap.popFirst(), heap.remove(3))
        #expect(popped == nil && !removed)
        #expect(!heap.contains(1_000))
        heap.insert(7, key: .max)
        heap.insert(3, key: .min)
        let order = [heap.popFirst(), heap.popFirst(), heap.popFirst()]
        #expect(order == [3, 7, nil])
    }
}
