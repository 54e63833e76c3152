import SluicePolicy
import Testing

@testable import SluiceSimulation

@Suite("Parts")
struct PartTests {
    @Test("The agenda gives back by time, then by order of planning")
    func agenda() {
        var agenda = Agenda()
        var random = SeededRandom(seed: 3)
        var planned: [(time: Int64, number: Int)] = []
        for number in 0..<2_000 {
            let time = Int64(random.pick(0...50))
            agenda.add(.arrival(source: number), at: time)
            planned.append((time, number))
        }
        let expected = planned.sorted { ($0.time, $0.number) < ($1.time, $1.number) }.map(\.number)
        var found: [Int] = []
        while let event = agenda.popFirst() {
            if case .arrival(let number) = event { found.append(number) }
        }
        #expect(found == expected)
    }

    @Test("A percentile is within 0.8 % of the sorted list's", arguments: [1 as UInt64, 2, 3])
    func histogram(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var spans = SpanHistogram()
        var values: [Int64] = []
        for _ in 0..<5_000 {
            let value = Distribution.logNormal(median: 50_000, sigma: 2, most: 1e11).microseconds(&random)
            values.append(value)
            spans.add(value)
        }
        values.sort()
        for perMille in [1, 250, 500, 950, 990, 1000] {
            let exact = values[max(1, (values.count * perMille + 999) / 1000) - 1]
            let found = try #require(spans.percentile(perMille: perMille))
            #expect(abs(Double(found - exact)) <= max(1, Double(exact) * 0.008), "\(perMille): \(found), \(exact)")
        }
        #expect(SpanHistogram().percentile(perMille: 500) == nil)
    }

    @Test("Two halves of a histogram are the whole")
    func merge() {
        var (left, right, whole) = (SpanHistogram(), SpanHistogram(), SpanHistogram())
        for value in stride(from: Int64(0), to: 3_000_000, by: 1_234) {
            if value % 2 == 0 { left.add(value) } else { right.add(value) }
            whole.add(value)
        }
        left.merge(right)
        #expect(left.count == whole.count && left.sum == whole.sum)
        #expect(left.percentile(perMille: 731) == whole.percentile(perMille: 731))
    }

    @Test("Distributions have the middle they are named by")
    func distributions() {
        var random = SeededRandom(seed: 5)
        func middle(_ distribution: Distribution) -> Double {
            let values = (0..<20_001).map { _ in distribution.draw(&random) }.sorted()
            return values[10_000]
        }
        #expect(abs(middle(.logNormal(median: 300, sigma: 0.8, most: 1e9)) - 300) < 10)
        #expect(abs(middle(.uniform(100, 200)) - 150) < 2)
        #expect(abs(middle(.exponential(mean: 100)) - 69.3) < 3)
        #expect(middle(.values([1, 7, 7, 7])) == 7)
        let cut = (0..<1_000).map { _ in Distribution.logNormal(median: 9, sigma: 3, most: 50).draw(&random) }
        #expect(cut.max() == 50)
    }

    @Test("Sources keep their rates")
    func rates() {
        func count(_ process: ArrivalProcess, minutes: Int64 = 100) -> Int {
            var plan = TrafficPlan()
            plan.arrivals = process
            var source = TrafficSource(plan, index: 0, seed: 7, duration: minutes * 60_000_000)
            var number = 0
            while source.nextArrival() != nil { number += 1 }
            return number
        }
        #expect(abs(count(.poisson(perMinute: 60)) - 6_000) < 300)
        #expect(count(.constant(perMinute: 60)) == 5_999)
        #expect(abs(count(.onOff(perMinute: 60, on: 10_000_000, off: 30_000_000)) - 1_500) < 150)
        #expect(count(.bursts(at: [0, 60_000_000], calls: 30, overMicroseconds: 1_000)) == 60)
        #expect(count(.closed(callers: 4, think: .constant(1))) == 0)
    }

    @Test("Rests are rests: nothing comes in them")
    func rests() {
        var plan = TrafficPlan()
        plan.arrivals = .onOff(perMinute: 600, on: 10_000_000, off: 30_000_000)
        var source = TrafficSource(plan, index: 0, seed: 7, duration: 3_600_000_000)
        while let time = source.nextArrival() { #expect(time % 40_000_000 <= 10_000_000) }
    }

    @Test("A call depends on its seed, its source and its number alone")
    func independence() {
        var plan = TrafficPlan()
        plan.inputTokens = .uniform(1, 1_000_000)
        var alone = TrafficSource(plan, index: 4, seed: 7, duration: 1_000_000_000)
        var other = TrafficSource(plan, index: 4, seed: 7, duration: 1_000_000_000)
        for _ in 0..<20 { _ = other.nextArrival() }
        let sizes = (0..<20).map { _ in alone.makeCall().inputTokens }
        let others = (0..<20).map { _ in other.makeCall().inputTokens }
        #expect(sizes == others)
        #expect(Set(sizes).count > 15)
    }

    @Test("Reservations start at the documented ratio, learn from answers, and take recorded ones as they are")
    func reservations() {
        var source = TrafficSource(TrafficPlan(), index: 0, seed: 1, duration: 60_000_000)
        var call = source.makeCall()
        (call.bytes, call.tenant, call.fallbacks) = (4_000, 0, [FallbackPlan(pool: 1, triggers: .error)])
        var reservations = Reservations(pools: 2, tenants: 1)
        #expect(reservations.costs(of: call).map(\.tokens) == [1_256, 1_256])
        for _ in 0..<300 { reservations.learn(call, pool: 0, input: 2_000, output: 50) }
        let learned = reservations.costs(of: call).map(\.tokens)
        #expect(abs(learned[0] - 2_050) < 60 && learned[1] == 1_256, "\(learned)")
        call.maxTokens = 700
        #expect(abs(reservations.costs(of: call)[0].tokens - 2_700) < 60)
        call.reservedTokens = 77
        #expect(reservations.costs(of: call).map(\.tokens) == [77, 77])
    }

    @Test("Numbers for people")
    func figures() {
        #expect(Figures.whole(1_234_567) == "1,234,567" && Figures.whole(-999) == "-999" && Figures.whole(0) == "0")
        #expect(Figures.fixed(1.005, 1) == "1.0" && Figures.fixed(-0.04, 1) == "0.0" && Figures.fixed(2.5, 0) == "3")
        #expect(Figures.fixed(0.995, 2) == "0.99" || Figures.fixed(0.995, 2) == "1.00")
        let spans: [(Int64?, String)] = [
            (nil, "-"), (0, "0"), (450, "450 µs"), (12_400, "12 ms"), (3_420_000, "3.42 s"), (125_000_000, "2m05s"),
        ]
        for (span, text) in spans { #expect(Figures.span(span) == text) }
    }
}
