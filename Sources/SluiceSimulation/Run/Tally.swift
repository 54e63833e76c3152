import SluicePolicy

/// What became of the calls of one tenant in one lane.
struct TallyRow: Sendable {
    var offered = 0
    var admitted = 0
    var served = 0
    /// Turned away, by `Refusal.ordinal`, at the door or out of the queue.
    var refused = [Int](repeating: 0, count: Refusal.words.count)
    /// Let in and failed, in the order of `FailureKind.allCases`.
    var failed = [Int](repeating: 0, count: FailureKind.allCases.count)
    var expired = 0
    var cancelled = 0
    var attempts = 0
    var rateLimited = 0
    /// Served on another route than asked for.
    var fellBack = 0
    /// Requests and reserved tokens of everything sent.
    var sentTokens = 0
    var inputTokens = 0
    var outputTokens = 0
    var picoDollars = 0
    /// From arrival to the first send, of calls that were served.
    var waits = SpanHistogram()
    /// The same of all calls that were sent, however they ended: no call is left out because its answer was long.
    var sentWaits = SpanHistogram()
    /// From arrival to the answer, of calls that were served.
    var answers = SpanHistogram()

    mutating func add(_ end: CallEnd, _ live: LiveCall, _ price: Price, at now: Int64) {
        if let sentAt = live.firstSentAt { sentWaits.add(sentAt - live.arrivedAt) }
        switch end {
        case .served(let input, let output):
            served += 1
            if let sentAt = live.firstSentAt { waits.add(sentAt - live.arrivedAt) }
            inputTokens += input
            outputTokens += output
            picoDollars += price.picoDollars(inputTokens: input, outputTokens: output)
            answers.add(now - live.arrivedAt)
            if live.route > 0 { fellBack += 1 }
        case .failed(let kind): failed[kind.ordinal] += 1
        case .expired: expired += 1
        case .refused(let refusal): refused[refusal.ordinal] += 1
        case .cancelled: cancelled += 1
        }
    }

    mutating func merge(_ other: TallyRow) {
        offered += other.offered
        admitted += other.admitted
        served += other.served
        for index in refused.indices { refused[index] += other.refused[index] }
        for index in failed.indices { failed[index] += other.failed[index] }
        expired += other.expired
        cancelled += other.cancelled
        attempts += other.attempts
        rateLimited += other.rateLimited
        fellBack += other.fellBack
        sentTokens += other.sentTokens
        inputTokens += other.inputTokens
        outputTokens += other.outputTokens
        picoDollars += other.picoDollars
        waits.merge(other.waits)
        sentWaits.merge(other.sentWaits)
        answers.merge(other.answers)
    }
}

/// Rows by tenant (0 is nobody in particular) and lane: at most 4,097 × 4.
struct Tally: Sendable {
    private(set) var rows: [TallyRow]
    private let tenants: Int

    init(tenants: Int) {
        self.tenants = tenants
        rows = Array(repeating: TallyRow(), count: (tenants + 1) * PolicyLane.count)
    }

    subscript(tenant: Int?, lane: PolicyLane) -> TallyRow {
        get { rows[((tenant ?? -1) + 1) * PolicyLane.count + lane.rawValue] }
        set { rows[((tenant ?? -1) + 1) * PolicyLane.count + lane.rawValue] = newValue }
        _modify { yield &rows[((tenant ?? -1) + 1) * PolicyLane.count + lane.rawValue] }
    }

    /// All tenants of a lane, or of a set of tenants.
    func lane(_ lane: PolicyLane, of members: (Int?) -> Bool = { _ in true }) -> TallyRow {
        sum { $0 == lane && members($1) }
    }

    var total: TallyRow { sum { _, _ in true } }

    private func sum(_ isMeant: (PolicyLane, Int?) -> Bool) -> TallyRow {
        var total = TallyRow()
        for (index, row) in rows.enumerated() {
            let tenant = index / PolicyLane.count - 1
            guard isMeant(PolicyLane.allCases[index % PolicyLane.count], tenant < 0 ? nil : tenant) else { continue }
            total.merge(row)
        }
        return total
    }
}
