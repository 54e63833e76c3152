/// A call that asks to be let in.
package struct Arrival: Sendable {
    package var pool: PoolID
    package var cost: CallCost
    /// Bytes it holds while it waits.
    package var bytes: Int
    package var deadline: MonotonicTime

    package init(pool: PoolID, cost: CallCost, bytes: Int, deadline: MonotonicTime) {
        self.pool = pool
        self.cost = cost
        self.bytes = bytes
        self.deadline = deadline
    }
}

/// Why a call was not let in.
package enum Refusal: Error, Sendable, Equatable {
    /// The queue holds all the calls it may.
    case queueCalls(limit: Int, retryAfterMicroseconds: Int64)
    /// The queue holds all the bytes it may.
    case queueBytes(limit: Int, retryAfterMicroseconds: Int64)
    /// Its turn would come after its deadline.
    case deadlineUnmeetable(waitMicroseconds: Int64)
    /// It alone is larger than a minute's quota.
    case exceedsLimit(LimitName, limit: Int)
}

/// What the shell must do. Effects are carried out in order.
package enum Effect: Sendable, Equatable {
    /// Make attempt number `attempt` (1…).
    case send(CallID, attempt: Int)
    /// Tell the caller that it waits; only when it really does.
    case queued(CallID, position: Int, etaMicroseconds: Int64)
    /// Its deadline passed. The call is gone from the core; a running attempt must be aborted.
    case expire(CallID, attempts: Int, inFlight: Bool)
}

/// How an attempt ended.
package enum AttemptOutcome: Sendable, Equatable {
    /// The provider answered; `usedTokens` where it said so.
    case success(usedTokens: Int?)
    /// Another attempt cannot help.
    case refused
    /// A passing fault. `notSent`: no byte left the machine, so nothing was spent.
    case transient(notSent: Bool)
    /// The quota is spent: the pool waits this long, or a default where the provider did not say.
    case rateLimited(retryAfterMicroseconds: Int64?)
}

/// What happens to a call after an attempt.
package enum AttemptVerdict: Sendable, Equatable {
    /// The call is over, with the answer or error of this attempt.
    case finished
    /// It goes back to its place and gets attempt number `attempt` in about `delayMicroseconds`.
    case retry(attempt: Int, delayMicroseconds: Int64)
}
