import SluiceConfig
import SluiceOpenAI
import SluicePolicy
import SluiceUpstream
import SluiceWire

/// How a call ended, for the one place that tells everybody.
enum CallEnd {
    case answer(ResultSummary, body: [UInt8])
    /// A stream that came to its own end.
    case stream(ResultSummary)
    case failure(WireError)

    /// The label under which it is counted: `ok`, or the error's code.
    var outcome: String {
        switch self {
        case .answer, .stream: "ok"
        case .failure(let error): error.code.rawValue
        }
    }
}

/// From the provider's answers to the caller's terminal event.
extension Coordinator {
    /// Takes in one batch of what the upstream engine reports.
    func take(_ events: [UpstreamEvent]) {
        for event in events {
            switch event {
            case .head(let token, let head): callsByToken[token].map { began($0, head) }
            case .data(let token, let bytes): callsByToken[token].map { arrived($0, bytes) }
            case .end(let token, let end): callsByToken[token].map { ended($0, end) }
            }
        }
        flushDirty()
    }

    private func ended(_ call: CallContext, _ end: UpstreamEnd) {
        finishParsing(call)
        // The last event may have ended the call already.
        guard call.token != nil else { return }
        if call.stream?.hasWaiting == true {
            // The caller has not taken what came before; the end keeps its place behind it.
            call.stream?.heldEnd = end
            return
        }
        conclude(call, end)
    }

    /// Judges a finished exchange and either ends the call or lets the core try again.
    func conclude(_ call: CallContext, _ end: UpstreamEnd) {
        guard let id = call.callID else { return }
        if let token = call.token { callsByToken[token] = nil }
        call.token = nil
        let now = Self.now
        call.waitingSince = now
        let service = call.attemptStartedAt.map { now.microseconds(since: $0) } ?? 0
        call.requestID = end.head?["x-request-id"] ?? call.requestID
        call.firstByteMicroseconds = end.timing.firstByteUS > 0 ? end.timing.firstByteUS : nil
        metrics.exchange(end)
        var effects: [Effect] = []
        let attempt = AttemptReader(
            call: call, end: end, wallNowMS: WallClock.nowMS,
            retryAfterCeilingMS: configuration.retries.retryAfterCeiling.wholeMilliseconds
        ).read()
        if attempt.mayHaveCost { call.anythingSent = true }
        // What the headers say comes first, so that nobody is sent on a level that is not there. A 429 freezes its pool
        // in the same event, before anybody could be sent on a limit that its headers raise.
        observe(end.head, call, isRateLimit: attempt.isRateLimit, at: now, into: &effects)
        let verdict = policy.attemptEnded(
            id, attempt.outcome, mayRetry: attempt.mayRetry && !call.hasForwarded && !isDraining,
            serviceMicroseconds: service, random: newRandom(), at: now, into: &effects)
        call.pool.meter.attempt(attempt.label, microseconds: service, isRateLimit: attempt.isRateLimit)
        learn(call, attempt)
        switch verdict {
        case .finished: finish(call, completed(call, attempt, at: now))
        case .retry(let next, let delay): retrying(call, attempt, next: next, delayMicroseconds: delay)
        case .fallback: retrying(call, attempt, next: call.attempts + 1, delayMicroseconds: 0)
        }
        perform(effects)
    }

    /// What came back teaches the next estimate.
    private func learn(_ call: CallContext, _ attempt: AttemptReading) {
        let usage: WireUsage? =
            switch attempt.result {
            case .answered(_, _, let usage, _): usage
            case .streamed(let stream): stream.usage
            case .failed: nil
            }
        guard let usage else { return }
        estimates.learn(
            call.plan.weight, model: call.model, endpoint: call.plan.endpoint, tenant: call.plan.tenant,
            inputTokens: usage.inputTokens, outputTokens: usage.outputTokens)
        metrics.estimated(call.estimate, usage)
    }

    private func observe(
        _ head: UpstreamHead?, _ call: CallContext, isRateLimit: Bool, at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        guard let head, head.headers.contains(where: { $0.name.hasPrefix("x-ratelimit-") }) else { return }
        let headers = RateLimitHeaders { name in head[name.description] }
        let report = QuotaReport(
            requestLimit: headers.requests.limit, requestsRemaining: headers.requests.remaining,
            tokenLimit: headers.tokens.limit, tokensRemaining: headers.tokens.remaining)
        guard !report.isEmpty else { return }
        policy.observe(
            report, from: call.callID, pool: call.pool.id, serves: !isRateLimit, at: now, into: &effects)
    }

    private func retrying(_ call: CallContext, _ attempt: AttemptReading, next: Int, delayMicroseconds: Int64) {
        if let stream = call.stream { call.credit = stream.credit }
        call.stream = nil
        if attempt.mayHaveCost { call.mayHaveCostBefore = true }
        guard case .failed(let error) = attempt.result else { return }
        call.pool.meter.retried(error.code)
        guard call.plan.progress else { return }
        call.session.send {
            $0.retrying(
                id: call.plan.id, attempt: next, code: error.code, delayMS: Int(delayMicroseconds / 1000),
                status: error.status)
        }
    }

    private func completed(_ call: CallContext, _ attempt: AttemptReading, at now: MonotonicTime) -> CallEnd {
        switch attempt.result {
        case .answered(let status, let body, let usage, let model):
            return .answer(summary(call, status: status, usage: usage, model: model, at: now), body: body)
        case .streamed(let stream):
            return .stream(
                summary(call, status: stream.status, usage: stream.usage, model: stream.model, at: now))
        case .failed(var error):
            error.attempts = call.attempts
            error.charged = charge(call, call.stream?.usage)
            return .failure(error)
        }
    }

    func summary(
        _ call: CallContext, status: Int, usage: WireUsage?, model: String?, at now: MonotonicTime
    ) -> ResultSummary {
        ResultSummary(
            status: status, usage: usage, charged: charge(call, usage), attempts: call.attempts,
            upstreamRequestID: call.requestID, model: model, queuedMS: call.queuedMS(at: now),
            upstreamMS: call.upstreamMS(at: now), totalMS: call.totalMS(at: now), fallback: call.fallback)
    }

    /// What is known of a call's cost over all its attempts. A GET is free.
    func charge(_ call: CallContext, _ usage: WireUsage?) -> Charge {
        if call.plan.method == .get { return .none }
        if usage != nil { return call.mayHaveCostBefore ? .estimated : .exact }
        return call.anythingSent ? .estimated : .none
    }

    /// The one way out: every call comes by here exactly once.
    func finish(_ call: CallContext, _ end: CallEnd) {
        guard let id = call.callID, callsByID.removeValue(forKey: id) != nil else { return }
        stalled[id] = nil
        call.session.remove(call)
        let now = Self.now
        metrics.callEnded(call, end, microseconds: now.microseconds(since: call.arrivedAt))
        journal.note(call, end, at: now)
        record(call, end, at: now)
        switch end {
        case .answer(let summary, let body):
            body.withUnsafeBytes { bytes in
                call.session.send { $0.result(id: call.plan.id, summary, body: bytes) }
            }
        case .stream(let summary):
            call.session.send { $0.result(id: call.plan.id, summary, finish: .complete, error: nil) }
        case .failure(let error): fail(call, error, at: now)
        }
        if isDraining, call.session.calls.isEmpty { call.session.closeAfterFlush() }
    }

    /// An error is an `error` event, or the end of a stream that had begun.
    private func fail(_ call: CallContext, _ error: WireError, at now: MonotonicTime) {
        guard call.hasForwarded, let stream = call.stream else {
            call.session.send { $0.error(id: call.plan.id, error) }
            return
        }
        let summary = summary(call, status: stream.status, usage: stream.usage, model: stream.model, at: now)
        let finish: StreamFinish =
            switch error.code {
            case .callerCancelled: .cancelled
            case .providerConnectionLost: .truncated
            default: .failed
            }
        call.session.send { $0.result(id: call.plan.id, summary, finish: finish, error: error) }
    }
}
