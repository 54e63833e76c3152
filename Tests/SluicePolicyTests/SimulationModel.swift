@testable import SluicePolicy

/// What a simulated call should be doing, kept apart from the engine.
struct ModelCall {
    enum State { case queued, sent, waiting }

    var arrival: Arrival
    /// Order of admission over all pools.
    var sequence: Int
    var arrivedAt: Int64
    var pool: Int
    var route = 0
    var cost: CallCost
    var state = State.queued
    var queuedAt: Int64
    var attempts = 0
    var routeAttempts = 0
    var dueAt: Int64 = 0
    var sentAt: Int64 = 0
    /// What its pool had sent when it had been sent.
    var sentThen: (requests: Int64, tokens: Int64) = (0, 0)
    var isProbe = false
    var hasAnswer = false

    var deadline: Int64 { arrival.deadline.microseconds }
    var lane: Int { arrival.lane.rawValue }

    func isBefore(_ other: Self) -> Bool { (deadline, sequence) < (other.deadline, other.sequence) }
}

/// One quota by the minute, as the documents describe it: 0.95 of the lower of the configured and the learned limit,
/// less what others take, a burst of five seconds, and the provider's own level, which only pulls ours down.
struct ModelQuota {
    var configured: Int?
    var learned: Int?
    var foreign = 0
    var bucket: ReferenceBucket?
    var sent: Int64 = 0
    private var told: (level: Int, sent: Int64, at: Int64)?

    init(_ configured: Int?, at now: Int64) {
        self.configured = configured
        shape(at: now)
    }

    var limit: Int? { [configured, learned].compactMap { $0 }.min() }

    mutating func shape(at now: Int64) {
        guard let limit else { return bucket = nil }
        let usable = max(1, (limit * 19 + 10) / 20)
        let rate = max(1, usable - foreign, usable / 20)
        let capacity = max(1, usable / 12)
        if bucket == nil { bucket = ReferenceBucket(rate: rate, capacity: capacity, at: now) }
        bucket?.resize(rate: rate, capacity: capacity, at: now)
    }

    func covers(_ amount: Int, reservePercent: Int = 0, at now: Int64) -> Bool {
        bucket.map { $0.covers(amount + $0.capacity * reservePercent / 100, at: now) } ?? true
    }

    mutating func take(_ amount: Int, at now: Int64) {
        bucket?.add(-amount, at: now)
        sent += Int64(amount)
    }

    mutating func refund(_ amount: Int, at now: Int64) {
        bucket?.correct(by: amount, at: now)
        sent -= Int64(amount)
    }

    /// A surplus is given back only where the provider, so far as it says anything, has at least half of its limit.
    mutating func settle(_ amount: Int, at now: Int64) {
        if amount > 0, let level = providerLevel(at: now), let limit, level < limit / 2 { return }
        bucket?.correct(by: amount, at: now)
    }

    private func providerLevel(at now: Int64) -> Int? {
        guard let told, let limit else { return nil }
        let refill = Int128(limit) * Int128(min(max(0, now - told.at), 60_000_000)) / 60_000_000
        return min(limit, told.level + Int(refill)) - Int(sent - told.sent)
    }

    mutating func observe(limit: Int?, remaining: Int?, sentThen: Int64, sentAt: Int64, foreign: Int, at now: Int64) {
        if let limit, limit > 0, limit != learned {
            learned = limit
            told = nil
        }
        self.foreign = foreign
        shape(at: now)
        guard let remaining, let limit = self.limit else { return }
        let isNews = told.map { sentAt >= $0.at && sentThen >= $0.sent } ?? true
        if isNews { told = (min(max(0, remaining), limit), sentThen, sentAt) }
        if let level = providerLevel(at: now) { bucket?.pullDown(to: max(0, level), at: now) }
    }
}

/// A limit on any 24 hours, by quarter hours.
struct ModelDay {
    var limit: Int
    private var slots: [Int64: Int] = [:]

    init(limit: Int) { self.limit = max(1, (limit * 19 + 10) / 20) }

    private static func slot(_ now: Int64) -> Int64 { now / 900_000_000 }

    mutating func resize(_ limit: Int) { self.limit = max(1, (limit * 19 + 10) / 20) }

    func used(at now: Int64) -> Int {
        let slot = Self.slot(now)
        return slots.reduce(0) { $0 + ($1.key > slot - 97 ? $1.value : 0) }
    }

    func covers(_ amount: Int, at now: Int64) -> Bool { used(at: now) + min(amount, limit) <= limit }

    mutating func add(_ amount: Int, at now: Int64) {
        let slot = Self.slot(now)
        slots[slot] = max(0, (slots[slot] ?? 0) + amount)
    }
}

/// A pool's quota, its bulkheads and who waits, written down a second time in the plainest way.
struct ModelPool {
    var settings: PoolParameters
    var requests: ModelQuota
    var tokens: ModelQuota
    var images: ModelQuota
    var dailyRequests: ModelDay?
    var dailyTokens: ModelDay?
    var frozenUntil = Int64.min
    var inFlight = 0
    var byLane = [0, 0, 0, 0]
    var byTenant: [Int: Int] = [:]
    var byFeature: [Int: Int] = [:]
    var waiting: [CallID] = []
    var waitingByLane = [0, 0, 0, 0]
    var waitingBytes = 0
    /// Until when the provider fails.
    var failsUntil = Int64.min

    init(_ settings: PoolParameters, at now: Int64) {
        self.settings = settings
        requests = ModelQuota(settings.limits.requestsPerMinute, at: now)
        tokens = ModelQuota(settings.limits.tokensPerMinute, at: now)
        images = ModelQuota(settings.limits.imagesPerMinute, at: now)
        dailyRequests = settings.limits.requestsPerDay.map { ModelDay(limit: $0) }
        dailyTokens = settings.limits.tokensPerDay.map { ModelDay(limit: $0) }
    }

    mutating func reconfigure(_ settings: PoolParameters, at now: Int64) {
        self.settings = settings
        requests.configured = settings.limits.requestsPerMinute
        tokens.configured = settings.limits.tokensPerMinute
        images.configured = settings.limits.imagesPerMinute
        requests.shape(at: now)
        tokens.shape(at: now)
        images.shape(at: now)
        Self.apply(settings.limits.requestsPerDay, &dailyRequests)
        Self.apply(settings.limits.tokensPerDay, &dailyTokens)
    }

    private static func apply(_ limit: Int?, _ day: inout ModelDay?) {
        guard let limit else { return day = nil }
        if day == nil { day = ModelDay(limit: limit) } else { day?.resize(limit) }
    }

    func covers(_ cost: CallCost, reservePercent: Int = 0, at now: Int64) -> Bool {
        now >= frozenUntil && requests.covers(1, reservePercent: reservePercent, at: now)
            && tokens.covers(cost.tokens, reservePercent: reservePercent, at: now)
            && (cost.images == 0 || images.covers(cost.images, reservePercent: reservePercent, at: now))
            && dailyRequests?.covers(1, at: now) ?? true && dailyTokens?.covers(cost.tokens, at: now) ?? true
    }

    mutating func take(_ cost: CallCost, at now: Int64) {
        requests.take(1, at: now)
        tokens.take(cost.tokens, at: now)
        if cost.images > 0 { images.take(cost.images, at: now) }
        dailyRequests?.add(1, at: now)
        dailyTokens?.add(cost.tokens, at: now)
    }

    mutating func refund(_ cost: CallCost, at now: Int64) {
        requests.refund(1, at: now)
        tokens.refund(cost.tokens, at: now)
        if cost.images > 0 { images.refund(cost.images, at: now) }
        dailyRequests?.add(-1, at: now)
        dailyTokens?.add(-cost.tokens, at: now)
    }

    mutating func settle(_ surplus: Int, at now: Int64) {
        tokens.settle(surplus, at: now)
        dailyTokens?.add(-surplus, at: now)
    }

    mutating func freeze(until time: Int64, at now: Int64) {
        frozenUntil = time
        requests.bucket?.hold(until: time, at: now)
        tokens.bucket?.hold(until: time, at: now)
    }

    mutating func count(_ call: ModelCall, _ sign: Int) {
        inFlight += sign
        byLane[call.lane] += sign
        byTenant[call.arrival.tenant.index, default: 0] += sign
        byFeature[call.arrival.feature.index, default: 0] += sign
    }

    mutating func enqueue(_ id: CallID, _ call: ModelCall) {
        waiting.append(id)
        waitingByLane[call.lane] += 1
        waitingBytes += call.arrival.bytes
    }

    mutating func dequeue(_ id: CallID, _ call: ModelCall) -> Bool {
        guard let index = waiting.firstIndex(of: id) else { return false }
        waiting.swapAt(index, waiting.count - 1)
        waiting.removeLast()
        waitingByLane[call.lane] -= 1
        waitingBytes -= call.arrival.bytes
        return true
    }

    func ceiling(_ lane: LaneParameters, guardLimit: Int) -> Int {
        max(1, (guardLimit * lane.maxInFlightPercent + 99) / 100)
    }
}

/// A tenant's own ceilings, of which no margin is kept, and its retries.
struct ModelTenant {
    var parameters: TenantParameters
    var requests: ReferenceBucket?
    var tokens: ReferenceBucket?

    init(_ parameters: TenantParameters, at now: Int64) {
        self.parameters = parameters
        reconfigure(parameters, at: now)
    }

    var hasRate: Bool { requests != nil || tokens != nil }

    mutating func reconfigure(_ parameters: TenantParameters, at now: Int64) {
        self.parameters = parameters
        Self.apply(parameters.requestsPerMinute, &requests, at: now)
        Self.apply(parameters.tokensPerMinute, &tokens, at: now)
    }

    private static func apply(_ limit: Int?, _ bucket: inout ReferenceBucket?, at now: Int64) {
        guard let limit else { return bucket = nil }
        let capacity = max(1, limit / 12)
        if bucket == nil { bucket = ReferenceBucket(rate: limit, capacity: capacity, at: now) }
        bucket?.resize(rate: limit, capacity: capacity, at: now)
    }

    func covers(_ cost: CallCost, at now: Int64) -> Bool {
        requests?.covers(1, at: now) ?? true && tokens?.covers(cost.tokens, at: now) ?? true
    }

    mutating func take(_ cost: CallCost, at now: Int64) {
        requests?.add(-1, at: now)
        tokens?.add(-cost.tokens, at: now)
    }

    mutating func refund(_ cost: CallCost, at now: Int64) {
        requests?.correct(by: 1, at: now)
        tokens?.correct(by: cost.tokens, at: now)
    }
}

/// What may be retried at most: the start, the trickle, and a share of successes.
struct ModelBudget {
    private(set) var since: Int64 = 0
    private var successes = 0
    private var retries = 0

    mutating func reset(at now: Int64) { self = ModelBudget(since: now) }
    mutating func succeeded() { successes += 1 }

    init(since: Int64 = 0) { self.since = since }

    /// Counts one retry; answers whether the budget held.
    mutating func retried(_ policy: RetryPolicy, at now: Int64) -> Bool {
        retries += 1
        let trickle = Double(policy.budgetPerSecond) * (10 + Double(now - since) / 1e6)
        return Double(retries) <= trickle + Double(successes * policy.budgetPercent) / 100 + 1e-6
    }
}

/// Simulated events by time, then by the order in which they were planned.
struct Agenda<Event> {
    private var heap = SlotHeap()
    private var events: [Event] = []

    var firstTime: Int64? { heap.firstKey }

    mutating func add(_ event: Event, at time: Int64) {
        events.append(event)
        heap.insert(events.count - 1, key: time)
    }

    mutating func popFirst() -> Event? { heap.popFirst().map { events[$0] } }
}
