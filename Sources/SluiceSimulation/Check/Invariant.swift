/// What must hold in every run, or in every run of one kind.
package enum Invariant: String, CaseIterable, Sendable {
    /// Every call that was let in ends once, and every effect concerns a call in the right state.
    case endsOnce = "ends-once"
    /// No call is alive after its deadline.
    case deadline
    /// A tick leaves nothing that is due, and time goes on.
    case timers
    /// When the last call has ended nothing is in flight, queued or remembered.
    case drained
    /// In no 60 s does a pool send more than its limit and the burst, give-backs and one oversize call taken out.
    case window
    /// An honest provider answers at most 0.1 % of the attempts with 429.
    case rateLimited = "rate-limited"
    /// At least 97 % of the usable quota is used while calls wait that could go.
    case quotaUse = "quota-use"
    /// Two tenants of a lane that both have calls waiting differ by at most the bound of start-time fair queueing.
    case fairness
    /// Of lanes that all have calls waiting, each gets its share.
    case laneShare = "lane-share"
    /// At most 1.2 attempts for each call that was let in, in a total outage.
    case attempts
    /// Quiet tenants wait at most twice as long beside a runaway (99th percentile).
    case isolation
    /// Interactive calls wait at most 1.5 times as long beside a flood of batch calls (95th percentile).
    case flood
    /// The same seed gives the same run.
    case repeatable

    /// One line: what is compared with what.
    package var explanation: String {
        switch self {
        case .endsOnce: "admitted calls = ended calls; each effect names a call that is queued, sent or waiting"
        case .deadline: "every call's end <= its deadline"
        case .timers: "nextWake after a tick > now"
        case .drained: "in flight = queued = live = 0 after the last end"
        case .window: "sent in any 60 s - given back <= limit + 5 s of 95 % of it + the part of one call beyond that"
        case .rateLimited: "429s <= 0.1 % of the attempts (provider honest, nobody else uses the quota)"
        case .quotaUse: "sent >= 97 % of 95 % of the limit, over the seconds with calls waiting and room in flight"
        case .fairness:
            "|W_f/w_f - W_g/w_g| <= L_f/w_f + L_g/w_g over any interval in which both wait "
                + "(Goyal, Vin, Cheng, Start-time Fair Queueing, 1996, Theorem 1)"
        case .laneShare: "a lane's service >= 90 % of its share, over the time in which all lanes wait"
        case .attempts:
            "attempts <= 1.2 x calls let in + the 10 retries that a budget begins with, provider down throughout"
        case .isolation:
            "p99 wait of quiet tenants with the runaway <= 2 x without, or the time of two calls of every tenant"
        case .flood: "p95 wait of the interactive lane with the flood <= 1.5 x without, or one second"
        case .repeatable: "digests of two runs of one seed are equal"
        }
    }
}

/// One breach of an invariant.
package struct Violation: Sendable, CustomStringConvertible {
    /// Which.
    package let invariant: Invariant
    /// Virtual microseconds from the start.
    package let at: Int64
    /// What was found, with the numbers.
    package let message: String

    /// One line.
    package var description: String {
        "\(invariant.rawValue) at \(at / 1_000_000).\(String(at % 1_000_000 + 1_000_000).dropFirst()) s: \(message)"
    }
}
