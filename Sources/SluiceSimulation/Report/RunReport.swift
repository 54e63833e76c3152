import SluicePolicy

/// What came of one run.
package struct RunReport: Sendable {
    /// The scenario's name.
    package let name: String
    /// What it was drawn from.
    package let seed: UInt64
    /// Names the run: equal for equal runs, and different for different ones as far as 64 bits can tell.
    package let digest: UInt64
    /// Breaches of invariants, with their text as far as they were kept.
    package let violations: [Violation]
    /// All breaches.
    package let violationCount: Int
    /// Virtual microseconds until the last call ended.
    package let endedAt: Int64
    /// Calls that arrived, were let in, and attempts made.
    package let counts: (arrived: Int, admitted: Int, attempts: Int, rateLimited: Int)

    let about: String
    /// Virtual microseconds that are reported on.
    let measured: Int64
    let tally: Tally
    let timeline: Timeline
    let tenants: [String]
    let pools: [PoolFigures]
    /// By lane.
    let jain: [Double?]
    let estimateErrors: SpanHistogram

    init(scenario: Scenario, seed: UInt64, recorder: Recorder, endedAt: Int64) {
        name = scenario.name
        about = scenario.about
        self.seed = seed
        self.endedAt = endedAt
        digest = recorder.digest.value
        violations = recorder.ledger.violations
        violationCount = recorder.ledger.violationCount
        counts = (recorder.arrived, recorder.admitted, recorder.attempts, recorder.rateLimited)
        measured = scenario.durationMicroseconds - scenario.warmUpMicroseconds
        tally = recorder.tally
        timeline = recorder.timeline
        tenants = scenario.tenants.map(\.name)
        pools = scenario.pools.indices.map { PoolFigures($0, scenario, recorder) }
        jain = PolicyLane.allCases.map { recorder.balance.index($0) }
        estimateErrors = recorder.estimateErrors
    }

    /// Hexadecimal, 16 digits.
    package var digestText: String {
        let digits = String(digest, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// What went through the keys of one pool.
struct PoolFigures: Sendable {
    let name: String
    let requests: Int
    /// Tokens that answers reported.
    let tokens: Int
    let reservedTokens: Int
    let rateLimited: Int
    let requestsPerMinute: Int?
    let tokensPerMinute: Int?
    /// Per mille of the usable quota (95 % of the limits) over the time reported on; nil without a limit.
    let requestsPerMille: Int?
    let tokensPerMille: Int?
    /// The same over the seconds in which calls waited and only quota held them back; the tightest key counts.
    let backlogPerMille: Int?
    let backlogSeconds: Int

    init(_ index: Int, _ scenario: Scenario, _ recorder: Recorder) {
        let plan = scenario.pools[index]
        let measured = scenario.durationMicroseconds - scenario.warmUpMicroseconds
        let members = recorder.planOfPool.indices.filter { recorder.planOfPool[$0] == index }
        name = plan.name
        requests = recorder.sentRequests[index]
        tokens = recorder.usedTokens[index]
        reservedTokens = recorder.sentTokens[index]
        rateLimited = recorder.timeline.slots.reduce(0) { $0 + $1.rateLimited[index] }
        requestsPerMinute = plan.parameters.limits.requestsPerMinute.map { $0 * plan.keys }
        tokensPerMinute = plan.parameters.limits.tokensPerMinute.map { $0 * plan.keys }
        requestsPerMille = Self.share(requests, of: requestsPerMinute, measured)
        tokensPerMille = Self.share(reservedTokens, of: tokensPerMinute, measured)
        backlogPerMille = members.compactMap { recorder.ledger.quotaUse[$0].perMille }.min()
        backlogSeconds = members.map { recorder.ledger.quotaUse[$0].seconds }.max() ?? 0
    }

    private static func share(_ used: Int, of perMinute: Int?, _ microseconds: Int64) -> Int? {
        perMinute.map { limit in
            let usable = Double(limit) * Double(QuotaUseCheck.usablePercent) / 100 * Double(microseconds) / 60e6
            return Int((Double(used) * 1000 / max(usable, 1)).rounded())
        }
    }
}

/// Numbers as people and programs read them, without a locale and without an allocation-happy formatter.
enum Figures {
    /// Thousands apart: `12,345`.
    static func whole(_ number: Int) -> String {
        var digits = Array(String(abs(number)))
        var place = digits.count - 3
        while place > 0 {
            digits.insert(",", at: place)
            place -= 3
        }
        return (number < 0 ? "-" : "") + String(digits)
    }

    /// A number with so many digits after the point, rounded half away from zero.
    static func fixed(_ number: Double, _ places: Int) -> String {
        let scale = (0..<places).reduce(1.0) { scale, _ in scale * 10 }
        let scaled = Int((abs(number) * scale).rounded())
        guard places > 0 else { return (number < 0 && scaled > 0 ? "-" : "") + String(scaled) }
        let digits = String(scaled % Int(scale) + Int(scale)).dropFirst()
        return (number < 0 && scaled > 0 ? "-" : "") + "\(scaled / Int(scale)).\(digits)"
    }

    /// A span of time: `0`, `450 µs`, `12 ms`, `3.42 s`, `2m05s`; `-` for none.
    static func span(_ microseconds: Int64?) -> String {
        guard let microseconds else { return "-" }
        switch microseconds {
        case ..<1: return "0"
        case ..<1_000: return "\(microseconds) µs"
        case ..<1_000_000: return "\((microseconds + 500) / 1000) ms"
        case ..<60_000_000: return fixed(Double(microseconds) / 1e6, 2) + " s"
        default:
            let seconds = (microseconds + 500_000) / 1_000_000
            return "\(seconds / 60)m\(String(seconds % 60 + 100).dropFirst())s"
        }
    }

    static func percent(perMille: Int?) -> String {
        perMille.map { fixed(Double($0) / 10, 1) + " %" } ?? "-"
    }

    /// US dollars from pico-dollars.
    static func dollars(_ picoDollars: Int, _ places: Int = 2) -> String { fixed(Double(picoDollars) / 1e12, places) }
}
