import Glibc
import SluicePolicy

/// What one attempt asks of the provider.
struct ProviderRequest {
    var inputTokens: Int
    var outputTokens: Int
    /// What the caller allows at most; nil when it names none.
    var maxTokens: Int?
    var images: Int
    var isStream: Bool
    /// A measured time of service that stands in for the model's, from a trace.
    var measured: MeasuredService?
}

/// Times that a trace recorded, in microseconds from the send.
struct MeasuredService: Sendable, Equatable {
    var total: Int64
    var firstByte: Int64
}

/// What comes of one attempt, and when; times are absolute virtual microseconds.
struct ProviderExchange {
    /// The head of a streamed answer of 2xx; nil for all others.
    var headAt: Int64?
    /// Nil: no answer ever comes.
    var endAt: Int64?
    var outcome: AttemptOutcome
    /// `x-ratelimit-*` as measured at admission.
    var report: QuotaReport?
    var isRateLimited = false
    /// What the provider bills.
    var usedInput = 0
    var usedOutput = 0
}

/// One key's provider: quota, pace and the faults of its schedule.
struct ProviderModel {
    let plan: ProviderPlan
    private(set) var quota: ProviderQuota
    private var nextChange = 0
    private var boundaries: [Int64]
    private(set) var rateLimited = 0

    /// Microseconds until a connection that nobody takes is known to be refused.
    private static let refusalMicroseconds: Int64 = 1_000

    init(_ plan: ProviderPlan) {
        self.plan = plan
        quota = ProviderQuota(plan.limits, leftPercent: plan.leftPercent, at: 0)
        boundaries = Set(plan.schedule.flatMap { [$0.from, $0.until] }).sorted()
    }

    /// Answers one attempt that is sent now. `random` belongs to this attempt alone.
    mutating func answer(
        _ request: ProviderRequest, at now: Int64, random: inout SeededRandom
    ) -> ProviderExchange {
        advance(to: now)
        let arrival = now + plan.roundTripMicroseconds / 2
        // Every attempt draws the same numbers in the same order, whatever is wrong at the time.
        let strikes = plan.schedule.map { change in (change, random.percent(change.percent)) }
        let pace = draw(request, &random)
        let cutAt = random.unit()
        let active = strikes.filter { $0.0.from <= now && now < $0.0.until && $0.1 }.map(\.0.kind)
        if active.contains(.refuse) { return refused(at: now) }
        if active.contains(.hang) {
            return ProviderExchange(outcome: .transient(.timeout, retryAfterMicroseconds: nil))
        }
        if let fault = fault(active, at: now) { return fault }
        return admit(request, pace, active, cutAt: cutAt, sentAt: now, arrivedAt: arrival)
    }

    private func draw(_ request: ProviderRequest, _ random: inout SeededRandom) -> (first: Double, rest: Double) {
        let first = max(0, plan.firstToken.draw(&random))
        let spread = exp(plan.paceSigma * random.normal())
        let rest = Double(max(0, request.outputTokens - 1)) / plan.tokensPerSecond * 1e6 * spread
        guard let measured = request.measured else { return (first, rest) }
        let firstByte = request.isStream ? measured.firstByte : measured.total
        return (Double(firstByte), Double(max(0, measured.total - firstByte)))
    }

    private mutating func admit(
        _ request: ProviderRequest, _ pace: (first: Double, rest: Double), _ active: [ProviderChange.Kind],
        cutAt: Double, sentAt: Int64, arrivedAt: Int64
    ) -> ProviderExchange {
        let unlimited = request.measured == nil ? plan.outputWhenUnlimited : request.outputTokens
        let counted = request.inputTokens + (request.maxTokens ?? unlimited)
        let verdict = quota.admit(tokens: counted, images: request.images, at: arrivedAt)
        let report = report(active, at: arrivedAt)
        if case .refused(let wait) = verdict { return rateLimited(wait, report, at: sentAt) }
        let factor = active.reduce(1.0) { if case .slow(let factor) = $1 { $0 * factor } else { $0 } }
        let trip = request.measured == nil ? plan.roundTripMicroseconds : 0
        let first = trip + Int64(min(pace.first * factor, 3_600e6))
        let total = first + Int64(min(pace.rest * factor, 3_600e6))
        var exchange = ProviderExchange(
            headAt: request.isStream ? sentAt + first : nil, endAt: sentAt + total,
            outcome: .success(usedTokens: request.inputTokens + request.outputTokens), report: report,
            usedInput: request.inputTokens, usedOutput: request.outputTokens)
        if active.contains(.cut) {
            exchange.endAt = sentAt + max(1, Int64(Double(total) * cutAt))
            exchange.outcome = .transient(.connectionLost, retryAfterMicroseconds: nil)
            if let head = exchange.headAt, let end = exchange.endAt, head >= end { exchange.headAt = nil }
        }
        return exchange
    }

    private mutating func rateLimited(_ wait: Int64?, _ report: QuotaReport?, at now: Int64) -> ProviderExchange {
        rateLimited += 1
        // The header is in whole milliseconds, rounded up.
        let after = wait.map { ($0 + 999) / 1000 * 1000 }
        return ProviderExchange(
            endAt: now + plan.roundTripMicroseconds, outcome: .rateLimited(retryAfterMicroseconds: after),
            report: report, isRateLimited: true)
    }

    private func refused(at now: Int64) -> ProviderExchange {
        ProviderExchange(
            endAt: now + Self.refusalMicroseconds, outcome: .transient(.notSent, retryAfterMicroseconds: nil))
    }

    private func fault(_ active: [ProviderChange.Kind], at now: Int64) -> ProviderExchange? {
        let outcome: AttemptOutcome
        if active.contains(.quotaExhausted) {
            outcome = .keyUnusable(isQuota: true)
        } else if active.contains(.slowDown) {
            outcome = .slowDown(retryAfterMicroseconds: nil)
        } else if active.contains(.overloaded) {
            outcome = .transient(.overloaded, retryAfterMicroseconds: nil)
        } else if active.contains(.error) {
            outcome = .transient(.serverError, retryAfterMicroseconds: nil)
        } else {
            return nil
        }
        return ProviderExchange(endAt: now + plan.roundTripMicroseconds, outcome: outcome)
    }
}

// MARK: - What changes with time

extension ProviderModel {
    /// Applies the changes of limits and of others' use whose moment has come, in the order of their moments.
    private mutating func advance(to now: Int64) {
        while nextChange < boundaries.count, boundaries[nextChange] <= now {
            apply(at: boundaries[nextChange])
            nextChange += 1
        }
    }

    private mutating func apply(at time: Int64) {
        var (limits, requests, tokens) = (plan.limits, 0, 0)
        for change in plan.schedule where change.from <= time && time < change.until {
            if case .limits(let other) = change.kind { limits = other }
            if case .otherHosts(let others, let othersTokens) = change.kind {
                requests += others
                tokens += othersTokens
            }
        }
        quota.change(limits, at: time)
        quota.othersUse(requests: requests, tokens: tokens, at: time)
    }

    private func report(_ active: [ProviderChange.Kind], at now: Int64) -> QuotaReport? {
        if active.contains(.noHeaders) { return nil }
        let share = active.reduce(100) { if case .limitLie(let percent) = $1 { percent } else { $0 } }
        let isZero = active.contains(.zeroRemaining)
        var report = QuotaReport()
        report.requestLimit = quota.requests.map { $0.limit * share / 100 }
        report.requestsRemaining = quota.requests.map { isZero ? 0 : $0.remaining(at: now) }
        report.tokenLimit = quota.tokens.map { $0.limit * share / 100 }
        report.tokensRemaining = quota.tokens.map { isZero ? 0 : $0.remaining(at: now) }
        return report.isEmpty ? nil : report
    }
}
