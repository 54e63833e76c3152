import Testing

@testable import SluicePolicy

@Suite struct CallTableTests {
    private func record(_ sequence: Int64) -> CallRecord {
        let arrival = Arrival(group: GroupID(index: 0), cost: CallCost(tokens: 1), bytes: 1, deadline: .never)
        return CallRecord(arrival, pool: PoolID(index: 0), charge: 1, sequence: sequence, at: at(0))
    }

    /// A reused slot never answers to the name of an earlier tenant.
    @Test func formerTenantsOfASlotStayGone() {
        var random = SeededRandom(seed: 4)
        var table = CallTable()
        var live: [(id: CallID, sequence: Int64)] = []
        var gone: [CallID] = []
        for sequence in Int64(0)..<3_000 {
            if live.isEmpty || random.percent(55) {
                live.append((table.insert(record(sequence)), sequence))
            } else {
                let ended = live.remove(at: random.pick(0...live.count - 1))
                table.remove(ended.id)
                gone.append(ended.id)
            }
            #expect(table.count == live.count)
        }
        #expect(live.allSatisfy { table[$0.id]?.sequence == $0.sequence && table.id(ofSlot: Int($0.id.slot)) == $0.id })
        #expect(gone.allSatisfy { table[$0] == nil })
        #expect(Set(gone + live.map(\.id)).count == gone.count + live.count, "no name was given twice")
    }

    @Test func namesSurviveTheTripThroughOneNumber() {
        for (slot, generation) in [(0, UInt32(1)), (77, .max), (Int(Int32.max), 0)] {
            let id = CallID(slot: slot, generation: generation)
            #expect(CallID(rawValue: id.rawValue) == id)
        }
    }

    @Test func namesThatWereNeverGivenAreUnknown() {
        var table = CallTable()
        _ = table.insert(record(0))
        for raw in [0, 1, UInt64(UInt32.max), UInt64.max, 1 << 63] { #expect(table[CallID(rawValue: raw)] == nil) }
        table.update(table.id(ofSlot: 0)) { $0.attempts = 5 }
        #expect(table[table.id(ofSlot: 0)]?.attempts == 5)
    }
}
