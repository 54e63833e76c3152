/// One quota by the minute: the bucket that is spent from, the limit as configured and as the provider tells it, and
/// what its headers betray of everybody else who draws on it.
///
/// Rate is 0.95 of the limit and burst 5 s of that rate: the margin absorbs clock skew between us and the
/// provider, the small burst keeps a quiet minute from being spent at once.
struct MinuteQuota: Sendable, Equatable {
    private(set) var configured: Int?
    private(set) var learned: Int?
    private(set) var bucket: TokenBucket?
    /// Units a minute that others take from the same quota, as far as headers show.
    private(set) var foreignPerMinute = 0
    /// Units sent since the start, as the provider counts them: nothing that was sent is taken back.
    private(set) var sent: Int64 = 0
    private var provider: ProviderLevel?

    init(configured: Int?, at now: MonotonicTime) {
        self.configured = configured
        shape(at: now)
    }

    /// The limit in force: the lower of the configured and the learned one.
    var limit: Int? {
        guard let configured else { return learned }
        return learned.map { min($0, configured) } ?? configured
    }

    /// The least of the quota that others are ever taken to leave us, per cent: so that we notice when they stop.
    private static let foreignFloorPercent = 5

    // MARK: Spending

    func grantTime(_ amount: Int, ahead: Int, reservePercent: Int, at now: MonotonicTime) -> MonotonicTime {
        guard let bucket else { return now }
        return bucket.grantTime(
            amount, after: ahead, reserve: bucket.capacity * reservePercent / 100, at: now)
    }

    mutating func take(_ amount: Int, at now: MonotonicTime) {
        bucket?.take(amount, at: now)
        sent &+= Int64(amount)
    }

    /// Gives back (positive) or takes more (negative) once the real use is known.
    ///
    /// The header rule: a provider that counts what was asked for does not give it back, and then neither do we;
    /// whether it does is seen in its own level. Only while that stands at half its limit or more is a surplus ours
    /// to use again. Without headers the real use is all that anyone knows, and counts.
    mutating func settle(by amount: Int, at now: MonotonicTime) {
        if amount > 0, let provider, let limit, provider.level(sent: sent, limit: limit, at: now) < limit / 2 { return }
        bucket?.correct(by: amount, at: now)
    }

    /// The request never left the machine.
    mutating func refund(_ amount: Int, at now: MonotonicTime) {
        sent &-= Int64(amount)
        bucket?.correct(by: amount, at: now)
    }

    /// A 429 said that nothing is left: nothing flows in before `time`.
    mutating func drain(until time: MonotonicTime, at now: MonotonicTime) { bucket?.hold(until: time, at: now) }

    /// What is left of the minute's quota, per mille of the limit, by the provider's word or else by our own bucket.
    func leftPerMille(at now: MonotonicTime) -> Int {
        guard let limit, let bucket else { return 1000 }
        if let provider { return max(0, provider.level(sent: sent, limit: limit, at: now)) * 1000 / limit }
        return max(0, bucket.available(at: now)) * 1000 / bucket.capacity
    }

    // MARK: Learning

    /// Takes in one answer's headers.
    ///
    /// - Parameters:
    ///   - sentThen: ``sent`` right after the attempt that was answered had been counted.
    ///   - sentAt: when it was sent, which is about when the provider counted it.
    mutating func observe(
        limit told: Int?, remaining: Int?, sentThen: Int64, sentAt: MonotonicTime, at now: MonotonicTime
    ) {
        if let told, told > 0, told != learned {
            learned = min(told, TokenBucket.ceiling)
            provider = nil
            foreignPerMinute = 0
            shape(at: now)
        }
        guard let remaining, let limit else { return }
        let level = min(max(0, remaining), limit)
        if provider == nil {
            provider = ProviderLevel(level: level, sent: sentThen, at: sentAt)
        } else if let foreign = provider?.observe(level, sent: sentThen, limit: limit, at: sentAt) {
            note(foreign: foreign, limit: limit, at: now)
        }
        if let left = provider?.level(sent: sent, limit: limit, at: now) {
            bucket?.pullDown(to: max(0, left), at: now)
        }
    }

    /// Down fast, up slowly: half the way when others take more, a quarter when they take less.
    private mutating func note(foreign: Int, limit: Int, at now: MonotonicTime) {
        let step = foreign - foreignPerMinute
        foreignPerMinute += step / (step > 0 ? 2 : 4)
        if step < 0, step > -4 { foreignPerMinute = foreign }
        foreignPerMinute = min(max(0, foreignPerMinute), limit)
        shape(at: now)
    }

    mutating func reconfigure(_ limit: Int?, at now: MonotonicTime) {
        guard limit != configured else { return }
        configured = limit
        shape(at: now)
    }

    private mutating func shape(at now: MonotonicTime) {
        guard let limit else {
            bucket = nil
            return
        }
        let whole = Self.usable(limit)
        let rate = max(1, max(whole - foreignPerMinute, whole * Self.foreignFloorPercent / 100))
        // The burst is that of the whole limit: it says how much may come at once, not how much in all.
        let capacity = max(1, whole * 5 / 60)
        if bucket == nil {
            bucket = TokenBucket(ratePerMinute: rate, capacity: capacity, at: now)
        } else {
            bucket?.resize(ratePerMinute: rate, capacity: capacity, at: now)
        }
    }

    /// 0.95 of a limit, rounded to the nearest unit: a limit of 3 is 3 and not 2.
    static func usable(_ limit: Int) -> Int { max(1, (min(limit, TokenBucket.ceiling) * 95 + 50) / 100) }
}

/// The provider's own bucket as its headers show it, carried forward by what we have sent since.
struct ProviderLevel: Sendable, Equatable {
    private var level: Int
    private var sent: Int64
    private var at: MonotonicTime
    /// Where the window began over which others' use is measured.
    private var start: (level: Int, sent: Int64, at: MonotonicTime)

    /// Shorter windows see the jitter of calls in flight rather than others' use.
    private static let windowMicroseconds: Int64 = 5_000_000

    init(level: Int, sent: Int64, at now: MonotonicTime) {
        self.level = level
        self.sent = sent
        at = now
        start = (level, sent, now)
    }

    static func == (lhs: Self, rhs: Self) -> Bool {
        lhs.level == rhs.level && lhs.sent == rhs.sent && lhs.at == rhs.at && lhs.start == rhs.start
    }

    /// Units left now, negative where more is under way than it holds.
    func level(sent now: Int64, limit: Int, at time: MonotonicTime) -> Int {
        min(limit, level + refill(limit, from: at, to: time)) - Int(clamping: now &- sent)
    }

    private func refill(_ limit: Int, from: MonotonicTime, to: MonotonicTime) -> Int {
        let elapsed = min(max(0, to.microseconds(since: from)), 60_000_000)
        return Int(Int64(limit) * elapsed / 60_000_000)
    }

    /// Takes in what was left when an attempt was counted; answers with others' use per minute when a window is full.
    ///
    /// Between two moments at which the provider's bucket was not full, its level changes by the refill, less what we
    /// sent, less what others sent. Attempts that were overtaken say nothing new.
    mutating func observe(_ level: Int, sent: Int64, limit: Int, at now: MonotonicTime) -> Int? {
        guard now >= at, sent >= self.sent else { return nil }
        let couldOverflow = self.level + refill(limit, from: at, to: now) >= limit
        (self.level, self.sent, at) = (level, sent, now)
        // A bucket that was full in between lost its refill, which is nobody's use.
        guard !couldOverflow || level >= limit - limit / 50 else {
            start = (level, sent, now)
            return nil
        }
        let elapsed = now.microseconds(since: start.at)
        guard elapsed >= Self.windowMicroseconds else { return nil }
        defer { start = (level, sent, now) }
        let full = limit - limit / 50
        guard elapsed < 60_000_000, start.level < full, level < full else { return 0 }
        let expected = start.level + refill(limit, from: start.at, to: now) - Int(clamping: sent &- start.sent)
        return Int(Int64(clamping: max(0, expected - level)) * 60_000_000 / elapsed)
    }
}
