@testable import SluicePolicy
import Testing

@Suite struct SchedulingTests {
    /// Against an array that is sorted anew each time.
    @Test(arguments: Seeds.range(dividedBy: 20))
    func callHeapAgreesWithASortedArray(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var places = CallPlaces()
        var heaps = [CallHeap(), CallHeap()]
        var reference: [[(key: Int64, sequence: Int64, slot: Int)]] = [[], []]
        for step in Int64(0)..<1_500 {
            let slot = random.pick(0...80)
            let side = random.pick(0...1)
            if places.isQueued(slot) {
                let owner = reference[0].contains { $0.slot == slot } ? 0 : 1
                heaps[owner].remove(slot, &places)
                reference[owner].removeAll { $0.slot == slot }
            } else {
                let key = Int64(random.pick(-5...5))
                heaps[side].insert(slot, key: key, sequence: step, &places)
                reference[side].append((key, step, slot))
                reference[side].sort { ($0.key, $0.sequence) < ($1.key, $1.sequence) }
            }
            for side in 0...1 {
                #expect(heaps[side].first == reference[side].first?.slot && heaps[side].count == reference[side].count)
            }
        }
        let sorted = heaps[0].entries.sorted { $0.precedes($1) }.map { Int($0.slot) }
        #expect(sorted == reference[0].map(\.slot))
    }

    /// Σ min(Bᵢ, x·wᵢ), told by classes: never less than the truth, and at most 1.5 times as much. A flow whose ratio
    /// lies within [2ᵏ, 2ᵏ⁺¹) stands for its class; the worst mix of one class is off by less than half.
    @Test(arguments: Seeds.range(dividedBy: 10))
    func backlogProfileIsCloseToTheExactSum(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var profile = BacklogProfile()
        var flows = (0..<random.pick(1...40)).map { _ in (backlog: 0, weight: random.element([1, 2, 7, 1_000])) }
        for _ in 0..<400 {
            let index = random.pick(0...flows.count - 1)
            let new = random.element([0, 1, random.pick(0...100), random.pick(0...1_000_000)])
            profile.move(from: flows[index].backlog, to: new, weight: flows[index].weight)
            flows[index].backlog = new
            let perWeight = random.element([0, 1, 50, 5_000, 1 << 40])
            let exact = flows.reduce(0) { $0 + min($1.backlog, perWeight * $1.weight) }
            let told = profile.served(perWeight: perWeight)
            #expect(told >= exact && 2 * told <= 3 * exact, "told \(told), exactly \(exact)")
        }
        for flow in flows { profile.move(from: flow.backlog, to: 0, weight: flow.weight) }
        #expect(profile.served(perWeight: 1 << 40) == 0)
    }

    /// RFC 8289, section 5, its pseudo-code written down with a floating-point square root.
    private struct PlainCoDel {
        var firstAbove: Double?
        var dropping = false
        var dropNext = 0.0
        var count = 0.0
        var lastCount = 0.0

        mutating func drops(_ sojourn: Double, _ target: Double, _ interval: Double, _ isLast: Bool, _ now: Double)
            -> Bool
        {
            var okToDrop = false
            if sojourn < target || isLast {
                firstAbove = nil
            } else if let first = firstAbove {
                okToDrop = now >= first
            } else {
                firstAbove = now + interval
            }
            if dropping {
                if !okToDrop {
                    dropping = false
                } else if now >= dropNext {
                    count += 1
                    dropNext += interval / count.squareRoot()
                    return true
                }
                return false
            }
            guard okToDrop else { return false }
            dropping = true
            let delta = count - lastCount
            count = delta > 1 && now - dropNext < 16 * interval ? delta : 1
            dropNext = now + interval / count.squareRoot()
            lastCount = count
            return true
        }
    }

    @Test(arguments: Seeds.range(dividedBy: 10))
    func shedderFollowsRFC8289(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var shedder = QueueShedder()
        var plain = PlainCoDel()
        var (now, shed, close) = (Int64(0), 0, 0)
        let load = random.pick(0...100)
        for _ in 0..<3_000 {
            now += Int64(random.pick(1...200_000))
            let sojourn = Int64(random.percent(load) ? random.pick(1_000_000...3_000_000) : random.pick(0...1_000_000))
            let isLast = random.percent(1)
            // Whole numbers and floating point may differ by a microsecond a step.
            if abs(Double(now) - plain.dropNext) < 5_000 { close += 1; now += 10_000 }
            let expected = plain.drops(Double(sojourn), 1_000_000, 2_000_000, isLast, Double(now))
            let does = shedder.sheds(
                sojourn: sojourn, target: 1_000_000, interval: 2_000_000, isLast: isLast, at: at(now))
            #expect(does == expected, "at \(now)")
            if does { shed += 1 }
        }
        #expect(load < 95 || shed > 5)
    }

    @Test func paceIsTheIntervalOverTheRoot() {
        for count in [1, 2, 3, 10, 99, 1_000_000] {
            let exact = 10_000_000 / Double(count).squareRoot()
            #expect(abs(Double(QueueShedder.pace(10_000_000, count)) - exact) <= 1 + exact / 500)
        }
    }

    /// The factor goes to what waits really are, stays within its range, and little waits teach nothing.
    @Test(arguments: [(1.0, 1.0), (0.5, 0.5), (2.0, 2.0), (100.0, 4.0), (0.0, 0.25)])
    func forecastLearnsItsFactor(real: Double, factor: Double) {
        var forecast = Forecast()
        for _ in 0..<300 { forecast.learn(computed: 1_024_000, real: Int64(1_024_000 * real)) }
        let corrected = Double(forecast.corrected(1_024_000)) / 1_024_000
        #expect(abs(corrected - factor) <= 0.03 * factor + 0.002, "\(corrected)")
        let before = forecast
        forecast.learn(computed: 249_999, real: .max)
        #expect(forecast == before)
        #expect(forecast.corrected(.max) == .max)
    }

    /// Additive increase where room is used, one decrease for all that were under way together, within 1…ceiling.
    @Test(arguments: Seeds.range(dividedBy: 20))
    func guardStaysWithinItsCeiling(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var ceiling = random.pick(1...300)
        var guarding = ConcurrencyGuard(initial: random.pick(1...300), ceiling: ceiling)
        var lastDecrease = Int64.min
        for now in Int64(1)...2_000 {
            let before = guarding.limit
            let startedAt = max(0, now - Int64(random.pick(0...60)))
            switch random.pick(0...20) {
            case 0...9:
                let inFlight = random.pick(1...before)
                guarding.succeeded(inFlight: inFlight)
                let grows = before < ceiling && inFlight * 2 >= before
                #expect(guarding.limit == before + (grows ? 1 : 0))
            case 10...19:
                guarding.failed(startedAt: at(startedAt), at: at(now))
                let isNew = startedAt > lastDecrease
                #expect(guarding.limit == (isNew ? max(1, before * 9 / 10) : before))
                if isNew { lastDecrease = now }
            default:
                let wasFull = before == ceiling
                ceiling = random.pick(1...300)
                guarding.reconfigure(ceiling: ceiling)
                #expect(guarding.limit == (wasFull ? ceiling : min(before, ceiling)))
            }
            #expect((1...ceiling).contains(guarding.limit))
        }
    }
}
