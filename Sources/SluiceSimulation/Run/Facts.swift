import SluicePolicy

/// A call that the engine let in and that has not ended.
struct LiveCall {
    var call: WorkloadCall
    /// Order of arrival over the run, for the digest and for messages.
    var serial: Int
    var arrivedAt: Int64
    var deadlineAt: Int64
    /// What is reserved for the route it is on.
    var cost: CallCost
    /// One reservation for each route, as asked first.
    var costs: [CallCost]
    var pool: PoolID
    var route = 0
    var state = State.queued
    var attempts = 0
    var firstSentAt: Int64?
    var sentAt: Int64 = 0
    var exchange: ProviderExchange?
    var hasBegun = false
    /// The first estimate of its start, absolute.
    var promisedAt: Int64?

    /// Legal ways: queued → sent; sent → waiting or gone; waiting → queued; any → gone.
    enum State { case queued, sent, waiting }
}

/// How a call ended.
enum CallEnd {
    case served(usedInput: Int, usedOutput: Int)
    /// The last attempt's fault reaches the caller.
    case failed(FailureKind)
    case expired(inFlight: Bool)
    /// Turned away: at the door or, if it was let in, later.
    case refused(Refusal)
    case cancelled
}

extension CallEnd {
    /// A number for the digest.
    var code: Int {
        switch self {
        case .served: 0
        case .expired(let inFlight): inFlight ? 2 : 1
        case .cancelled: 3
        case .failed(let kind): 100 + kind.ordinal
        case .refused(let refusal): 200 + refusal.ordinal
        }
    }
}

/// What the last attempt of a failed call met.
enum FailureKind: String, CaseIterable {
    case rateLimited = "rate_limited"
    case serverError = "server_error"
    case unreachable
    case timeout
    case cut
    case keyUnusable = "key_unusable"
    case refusedByProvider = "refused_by_provider"

    /// Where it stands among all of them.
    var ordinal: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    init?(_ outcome: AttemptOutcome) {
        switch outcome {
        case .success: return nil
        case .refused: self = .refusedByProvider
        case .transient(let kind, _):
            switch kind {
            case .notSent: self = .unreachable
            case .timeout: self = .timeout
            case .serverError, .overloaded: self = .serverError
            case .connectionLost: self = .cut
            }
        case .rateLimited, .slowDown: self = .rateLimited
        case .keyUnusable: self = .keyUnusable
        }
    }
}

extension Refusal {
    /// A bounded word for the report.
    var word: String { Self.words[ordinal] }

    static let words = [
        "queue_full", "tenant_queue", "deadline_unmeetable", "exceeds_limit", "overloaded", "breaker_open",
    ]

    /// Where it stands in ``words``.
    var ordinal: Int {
        switch self {
        case .queueCalls, .queueBytes: 0
        case .tenantQueue: 1
        case .deadlineUnmeetable: 2
        case .exceedsLimit: 3
        case .overloaded: 4
        case .breakerOpen: 5
        }
    }

    /// When the caller was told to come back; nil where that would not help.
    var retryAfter: Int64? {
        switch self {
        case .queueCalls(_, let after), .queueBytes(_, let after), .tenantQueue(_, let after),
            .deadlineUnmeetable(_, let after), .overloaded(let after), .breakerOpen(let after):
            after
        case .exceedsLimit: nil
        }
    }
}
