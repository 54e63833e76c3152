import Dispatch
import Logging
import NIOCore
import SluiceConfig
import SluiceOpenAI
import SluicePolicy
import SluiceUpstream
import SluiceWire

/// The record of calls that `sluice simulate` replays.
extension Coordinator {
    /// Begins, ends or moves the record as the configuration says. One that cannot be begun is complained of, and calls
    /// go on without it.
    func applyTrace() {
        guard configuration.trace != traced else { return }
        traced = configuration.trace
        endTrace()
        guard let file = configuration.trace.file else { return }
        do throws(TraceFile.Failure) {
            trace = try TraceRecorder(
                path: file, maxSize: configuration.trace.maxSize, startedAt: Self.now,
                remark: { [logger] in logger.notice("\($0)") })
        } catch {
            logger.error("no trace is recorded: \(file) \(error)")
        }
    }

    /// Closing waits for the disk, so it happens elsewhere.
    func endTrace() {
        guard let old = trace else { return }
        trace = nil
        DispatchQueue.global(qos: .utility).async { old.close() }
    }

    /// A call that ended, however it did.
    func record(_ call: CallContext, _ end: CallEnd, at now: MonotonicTime) {
        guard let trace else { return }
        var entry = TraceEntry(call.plan, pool: call.pool.name, estimate: call.estimate, arrivedAt: call.arrivedAt)
        let usage = end.usage ?? call.stream?.usage
        entry.inputTokens = usage?.inputTokens
        entry.outputTokens = usage?.outputTokens
        entry.queuedMicroseconds = (call.firstSentAt ?? now).microseconds(since: call.arrivedAt)
        entry.upstreamMicroseconds = call.firstSentAt.map { now.microseconds(since: $0) }
        entry.firstByteMicroseconds = call.firstByteMicroseconds
        entry.attempts = call.attempts
        entry.outcome = end.outcome
        entry.status = end.status
        trace.record(entry)
    }

    /// A call that no pool took.
    func record(
        _ plan: CallPlan, _ group: PoolGroup, _ estimate: CallEstimate, refused code: ErrorCode, at now: MonotonicTime
    ) {
        guard let trace else { return }
        var entry = TraceEntry(plan, pool: group.name, estimate: estimate, arrivedAt: now)
        entry.outcome = code.rawValue
        trace.record(entry)
    }
}

extension TraceEntry {
    fileprivate init(_ plan: CallPlan, pool: String, estimate: CallEstimate, arrivedAt: MonotonicTime) {
        self.init(
            arrivedAt: arrivedAt, lane: plan.lane, tenant: plan.tenant, feature: plan.feature, model: plan.view.model,
            endpoint: plan.endpoint.rawValue, pool: pool, bytes: plan.body?.count ?? 0,
            reservedTokens: estimate.tokens, maxOutput: plan.view.maxOutputTokens, stream: plan.view.stream,
            deadlineMS: plan.deadlineMS, inputTokens: nil, outputTokens: nil, queuedMicroseconds: 0,
            upstreamMicroseconds: nil, firstByteMicroseconds: nil, attempts: 0, outcome: "ok", status: nil)
    }
}

extension CallEnd {
    /// The provider's HTTP status, where it gave one.
    fileprivate var status: Int? {
        switch self {
        case .answer(let summary, _), .stream(let summary): summary.status
        case .failure(let error): error.status
        }
    }
}
