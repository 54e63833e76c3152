@testable import SluicePolicy

/// Callers of one pool by Poisson processes, and a provider that answers all of them, or whose quota is shared with
/// another host.
struct Load {
    struct Source {
        var lane = PolicyLane.normal
        var tenant = TenantID.shared
        /// Calls a minute.
        var rate: Double
        var cost: ClosedRange<Int>
    }

    enum Event { case arrival(Int), ending(CallID, isLimited: Bool, report: QuotaReport?) }

    /// A quota that another host draws on too.
    struct Provider {
        var bucket: ReferenceBucket
        var foreignPerMinute: Int
        var counted: Int64 = 0

        init(limit: Int, foreignPerMinute: Int) {
            bucket = ReferenceBucket(rate: limit, capacity: limit, at: 0)
            self.foreignPerMinute = foreignPerMinute
        }

        mutating func take(_ amount: Int, at now: Int64) -> Bool {
            let others = (now - counted) * Int64(foreignPerMinute) / 60_000_000
            if others > 0 {
                bucket.refill(now)
                if bucket.available(at: now) > Int(others) { bucket.add(-Int(others), at: now) }
                counted = now
            }
            guard bucket.available(at: now) >= amount else { return false }
            bucket.add(-amount, at: now)
            return true
        }
    }

    var engine: PolicyEngine
    var random: SeededRandom
    let pool: PoolID
    let group: GroupID
    var sources: [Source] = []
    var provider: Provider?
    var service = 200_000...2_000_000
    /// Microseconds that each call of each source waited.
    var waits: [[Int64]] = []
    /// Tokens sent for each source, and all that was sent, by time.
    var served: [Int] = []
    var sends: [(time: Int64, tokens: Int)] = []
    var refused = 0
    var limited: [Int64] = []
    var now: Int64 = 0
    private var agenda = Agenda<Event>()
    private var calls: [CallID: (source: Int, cost: Int, since: Int64)] = [:]

    init(_ limits: PoolLimits, parameters: PolicyParameters = PolicyParameters(), seed: UInt64) {
        engine = PolicyEngine(parameters)
        random = SeededRandom(seed: seed)
        pool = engine.addPool(PoolParameters(limits: limits), at: at(0))
        group = engine.addGroup([pool])
    }

    mutating func add(_ source: Source) {
        sources.append(source)
        waits.append([])
        served.append(0)
        agenda.add(.arrival(sources.count - 1), at: gap(source))
    }

    private mutating func gap(_ source: Source) -> Int64 {
        let uniform = (Double(random.next() >> 11) + 1) / 9_007_199_254_740_992
        return now + Int64(-logarithm(uniform) * 60e6 / source.rate)
    }

    /// ln, from its series: the same in every libm.
    private func logarithm(_ value: Double) -> Double {
        var (mantissa, twos) = (value, 0.0)
        while mantissa < 0.5 { (mantissa, twos) = (mantissa * 2, twos + 1) }
        let ratio = (mantissa - 1) / (mantissa + 1)
        var (sum, power) = (0.0, ratio)
        for odd in stride(from: 1.0, through: 41, by: 2) {
            sum += power / odd
            power *= ratio * ratio
        }
        return 2 * sum - twos * 0.693_147_180_559_945_3
    }

    mutating func run(seconds: Int64) {
        while true {
            let wake = engine.nextWake?.microseconds ?? .max
            guard min(wake, agenda.firstTime ?? .max) < .seconds(seconds) else { return }
            var effects: [Effect] = []
            if wake <= agenda.firstTime ?? .max {
                now = max(now, wake)
                engine.tick(at: at(now), into: &effects)
            } else if let time = agenda.firstTime, let event = agenda.popFirst() {
                now = max(now, time)
                handle(event, &effects)
            }
            for effect in effects { take(effect) }
        }
    }

    private mutating func handle(_ event: Event, _ effects: inout [Effect]) {
        switch event {
        case .arrival(let index):
            let source = sources[index]
            agenda.add(.arrival(index), at: gap(source))
            let cost = random.pick(source.cost)
            let arrival = Arrival(
                group: group, lane: source.lane, tenant: source.tenant, cost: CallCost(tokens: cost), bytes: 1,
                deadline: at(now + .seconds(3_600)))
            if let id = try? engine.arrive(arrival, at: at(now), into: &effects) {
                calls[id] = (index, cost, now)
            } else {
                refused += 1
            }
        case .ending(let id, let isLimited, let report):
            if let report { engine.observe(report, from: id, pool: pool, at: at(now), into: &effects) }
            let outcome: AttemptOutcome =
                isLimited ? .rateLimited(retryAfterMicroseconds: nil) : .success(usedTokens: nil)
            let verdict = engine.attemptEnded(
                id, outcome, mayRetry: true, serviceMicroseconds: 1_000_000, random: random.next(), at: at(now),
                into: &effects)
            if case .finished = verdict { calls[id] = nil }
        }
    }

    private mutating func take(_ effect: Effect) {
        guard case .send(let id, let dispatch) = effect, let call = calls[id] else { return }
        if dispatch.attempt == 1 {
            waits[call.source].append(now - call.since)
            served[call.source] += call.cost
        }
        sends.append((now, call.cost))
        var report: QuotaReport?
        var isLimited = false
        if provider != nil {
            isLimited = provider?.take(call.cost, at: now) != true
            if isLimited { limited.append(now) }
            let left = max(0, provider?.bucket.available(at: now) ?? 0)
            report = QuotaReport(tokenLimit: provider?.bucket.rate, tokensRemaining: left)
        }
        agenda.add(.ending(id, isLimited: isLimited, report: report), at: now + Int64(random.pick(service)))
    }

    /// The wait that `percent` of a source's calls do not exceed.
    func percentile(_ percent: Int, of sources: some Sequence<Int>) -> Int64 {
        let all = sources.flatMap { waits[$0] }.sorted()
        return all.isEmpty ? 0 : all[min(all.count - 1, all.count * percent / 100)]
    }
}
