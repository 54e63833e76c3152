import Logging
import SluiceHost
import SluicePolicy
import SluiceWire

/// What the log says of calls: faults of the agent as errors, trouble with a key or an account as warnings, the rest
/// only at level debug. Never a body, and nothing of what the provider wrote.
final class CallJournal {
    private let logger: Logger
    /// When a pool's key was last complained about: at most one warning a minute for each pool. Bounded by the pools.
    private var warnedAt: [PoolID: MonotonicTime] = [:]

    private static let warningEveryMicroseconds: Int64 = 60_000_000

    init(_ logger: Logger) { self.logger = logger }

    func note(_ call: CallContext, _ end: CallEnd, at now: MonotonicTime) {
        guard case .failure(let error) = end else {
            if logger.logLevel <= .debug { logger.debug("call ended", metadata: facts(call, end.outcome)) }
            return
        }
        switch error.code {
        case .internal: logger.error("\(error.message)", metadata: facts(call, end.outcome))
        case .providerAuthFailed, .providerQuotaExhausted:
            guard mayWarn(call.pool.id, at: now) else { return }
            logger.warning(
                "the provider refuses the key or its account; calls with it fail", metadata: facts(call, end.outcome))
        default:
            if logger.logLevel <= .debug { logger.debug("call failed", metadata: facts(call, end.outcome)) }
        }
    }

    private func mayWarn(_ pool: PoolID, at now: MonotonicTime) -> Bool {
        if let last = warnedAt[pool], now.microseconds(since: last) < Self.warningEveryMicroseconds { return false }
        warnedAt[pool] = now
        return true
    }

    private func facts(_ call: CallContext, _ outcome: String) -> Logger.Metadata {
        [
            "pool": "\(call.pool.name)", "outcome": "\(outcome)", "attempts": "\(call.attempts)",
            "caller": "\(call.session.identity)", "unit": "\(call.session.facts.unit ?? "-")",
            "call": "\(SafeText.line(call.plan.id))",
        ]
    }
}
