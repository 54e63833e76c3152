import SluiceOpenAI
import SluicePolicy
import SluiceUpstream
import SluiceWire

/// What one finished exchange means.
struct AttemptReading {
    enum Result {
        case answered(status: Int, body: [UInt8], usage: WireUsage?, model: String?)
        /// A stream that said that it was complete.
        case streamed(StreamState)
        case failed(WireError)
    }

    var result: Result
    /// What the core is told.
    var outcome: AttemptOutcome
    /// Whether the provider allows another try.
    var mayRetry = true
    /// Whether the provider may have begun to work on it.
    var mayHaveCost = false
    var isRateLimit = false
    /// Under which it is counted: bounded.
    var label: String
}

/// Reads an exchange: the transport's failure, the provider's error, or the answer.
struct AttemptReader {
    let call: CallContext
    let end: UpstreamEnd
    let wallNowMS: Int
    /// The longest wait that is obeyed.
    let retryAfterCeilingMS: Int

    func read() -> AttemptReading {
        // What the stream said of its end counts more than how the connection ended after it.
        guard let head = end.head, end.failure == nil || call.stream?.end != nil else {
            return transport(end.failure ?? .connectionLost)
        }
        guard (200...299).contains(head.status) else { return providerError(head) }
        if let stream = call.stream { return streamed(stream) }
        return answered(head.status, end.body)
    }

    // MARK: Answers

    private func answered(_ status: Int, _ body: [UInt8]) -> AttemptReading {
        guard let view = try? ResponseView.read(body.span.bytes) else {
            return broken(
                WireError(.providerBadResponse, "the provider's answer is not JSON in UTF-8", status: status))
        }
        let used = view.usage.map { $0.inputTokens + $0.outputTokens }
        return AttemptReading(
            result: .answered(status: status, body: body, usage: view.usage, model: view.model),
            outcome: .success(usedTokens: used), mayHaveCost: true, label: "ok")
    }

    private func streamed(_ stream: StreamState) -> AttemptReading {
        let used = stream.usage.map { $0.inputTokens + $0.outputTokens }
        switch stream.end {
        case .complete:
            return AttemptReading(
                result: .streamed(stream), outcome: .success(usedTokens: used), mayHaveCost: true, label: "ok")
        case .failed:
            return broken(
                WireError(
                    .providerStreamError, "the provider reported an error inside the stream", status: stream.status,
                    upstream: stream.providerError.flatMap(Self.shown)))
        case nil:
            return transport(.connectionLost)
        }
    }

    /// The error object from inside a stream under the same rules as one from an error answer.
    private static func shown(_ object: [UInt8]) -> [UInt8]? {
        let body = Array("{\"error\":".utf8) + object + Array("}".utf8)
        return ProviderError.read(body).shown(status: 200)
    }

    /// The provider answered, and the answer is of no use: another attempt would be paid for again.
    private func broken(_ error: WireError) -> AttemptReading {
        AttemptReading(
            result: .failed(error), outcome: .refused, mayRetry: false, mayHaveCost: true, label: error.code.rawValue)
    }

    // MARK: Failures

    private func providerError(_ head: UpstreamHead) -> AttemptReading {
        let verdict = ProviderVerdict.judge(status: head.status, body: end.body)
        let after = retryAfterMS(head)
        let wait = after.map { Int64($0) * 1000 }
        let reason = verdict.reason.map { " (\($0))" } ?? ""
        let error = WireError(
            verdict.code, "the provider answered \(head.status)\(reason)", retryAfterMS: after,
            limit: limit(verdict, after), status: head.status,
            upstream: ProviderError.read(end.body).shown(status: head.status))
        var reading = AttemptReading(
            result: .failed(error), outcome: .refused, isRateLimit: head.status == 429, label: verdict.code.rawValue)
        switch verdict.remedy {
        case .none: reading.mayRetry = false
        case .retry:
            let fault: TransientFault = verdict.code == .providerOverloaded ? .overloaded : .serverError
            reading.outcome = .transient(fault, retryAfterMicroseconds: wait)
        case .waitForQuota: reading.outcome = .rateLimited(retryAfterMicroseconds: wait)
        case .slowDown: reading.outcome = .slowDown(retryAfterMicroseconds: wait)
        case .otherKey: reading.outcome = .keyUnusable(isQuota: verdict.code == .providerQuotaExhausted)
        }
        if head["x-should-retry"] == "false" { reading.mayRetry = false }
        return reading
    }

    /// A wait that is not obeyed is why the call was not repeated.
    private func limit(_ verdict: ProviderVerdict, _ afterMS: Int?) -> String? {
        guard let afterMS, afterMS > retryAfterCeilingMS else { return nil }
        switch verdict.code {
        case .providerRateLimited, .providerOverloaded: return "retry_after_ceiling"
        default: return nil
        }
    }

    private func retryAfterMS(_ head: UpstreamHead) -> Int? {
        if let text = head["retry-after-ms"], let value = HeaderTime.milliseconds(text) { return value }
        if let text = head["retry-after"], let value = HeaderTime.retryAfter(text, wallNowMS: wallNowMS) {
            return value
        }
        guard head.status == 429 else { return nil }
        let limits = RateLimitHeaders { name in head[name.description] }
        let spent = [limits.requests, limits.tokens].filter { $0.remaining == 0 }
        return spent.compactMap(\.resetMS).max()
    }

    private func transport(_ failure: UpstreamFailure) -> AttemptReading {
        let detail = end.detail.map { ": \($0)" } ?? ""
        let error = WireError(
            code(failure), failure.message + detail, limit: limit(failure), status: end.head?.status)
        var reading = AttemptReading(
            result: .failed(error), outcome: .transient(fault(failure)), mayHaveCost: end.requestSent,
            label: failure.label)
        if failure == .tooLarge || failure == .invalidRequest {
            reading.outcome = .refused
            reading.mayRetry = false
        }
        return reading
    }

    private func fault(_ failure: UpstreamFailure) -> TransientFault {
        guard end.requestSent else { return .notSent }
        return switch failure {
        case .firstByteTimeout, .idleTimeout, .totalTimeout: .timeout
        default: .connectionLost
        }
    }

    /// The configured bound behind a failure, by its name in the configuration.
    private func limit(_ failure: UpstreamFailure) -> String? {
        switch failure {
        case .connectTimeout: "connect"
        case .firstByteTimeout: "first_byte"
        case .idleTimeout: "idle"
        case .totalTimeout: "total"
        case .tooLarge: "max_response_size"
        case .dns, .connect, .tls, .connectionLost, .cancelled, .invalidRequest, .protocolError: nil
        }
    }

    private func code(_ failure: UpstreamFailure) -> ErrorCode {
        switch failure {
        case .dns, .connect, .tls, .connectTimeout: .providerUnreachable
        case .firstByteTimeout, .idleTimeout, .totalTimeout: .providerTimeout
        case .connectionLost, .cancelled: .providerConnectionLost
        case .tooLarge: .providerResponseTooLarge
        case .invalidRequest: .internal
        case .protocolError: .providerBadResponse
        }
    }
}
