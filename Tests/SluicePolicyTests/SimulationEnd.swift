@testable import SluicePolicy

/// What must hold when all has ended.
extension Simulation {
    mutating func checkRetryBudget() {
        let share = Double(successes * retries.budgetPercent) / 100
        let trickle = Double(retries.budgetPerSecond) * (10 + Double(now) / 1e6)
        if Double(transientRetries) > Double(pools.count) * trickle + share { fail("\(transientRetries) retries") }
    }

    mutating func checkWindows(_ index: Int) {
        guard !pools[index].wasReshaped else { return }
        for length in [Int64.seconds(1), .seconds(60), .seconds(600)] {
            let worst = pools[index].worstWindow(length: length, largest: Self.largestCost)
            if worst.requests > 0 || worst.tokens > 0 { fail("\(worst) over the bound within \(length) µs") }
        }
    }

    /// When all has ended and time has passed, exactly a full bucket can be had at once: nothing leaked.
    mutating func checkRefill(_ index: Int) {
        now += .seconds(36_000_000)
        var settings = pools[index].settings
        settings.limits.maxInFlight = 1 << 20
        settings.queueCalls = 1 << 20
        settings.queueBytes = 1 << 30
        var effects: [Effect] = []
        let id = PoolID(index: index)
        engine.reconfigure(id, settings, at: at(now), into: &effects)
        if let requests = pools[index].requests {
            for _ in 0...requests.capacity {
                let arrival = Arrival(pool: id, cost: CallCost(tokens: 0), bytes: 0, deadline: .never)
                _ = try? engine.arrive(arrival, at: at(now), into: &effects)
            }
            if engine.snapshot(id).inFlight != requests.capacity { fail("request bucket is not full again") }
        } else if let tokens = pools[index].tokens {
            for cost in [tokens.capacity, 1] {
                let arrival = Arrival(pool: id, cost: CallCost(tokens: cost), bytes: 0, deadline: .never)
                _ = try? engine.arrive(arrival, at: at(now), into: &effects)
            }
            if engine.snapshot(id).inFlight != 1 { fail("token bucket is not full again") }
        }
    }
}

/// A running digest of everything that was said, by FNV-1a over its text.
struct Trace: Equatable {
    private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var count = 0

    mutating func add(_ item: some Any) {
        count += 1
        for byte in "\(item)".utf8 { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }
}
