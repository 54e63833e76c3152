/// Token counts as every result reports them, whatever the endpoint calls them.
package struct WireUsage: Sendable, Equatable {
    package var inputTokens: Int
    package var outputTokens: Int
    package var cachedTokens: Int?
    package var reasoningTokens: Int?

    package init(inputTokens: Int, outputTokens: Int, cachedTokens: Int? = nil, reasoningTokens: Int? = nil) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.cachedTokens = cachedTokens
        self.reasoningTokens = reasoningTokens
    }
}

/// How a streamed call ended.
package enum StreamFinish: String, Sendable {
    case complete, truncated, cancelled, failed
}

/// Why another model answered than the one that was asked for.
package enum FallbackReason: String, Sendable, CaseIterable {
    /// The provider has failed too often just now.
    case breakerOpen = "breaker_open"
    /// The account has no quota left.
    case quotaExhausted = "quota_exhausted"
    /// The wait for the model would have been longer than the deadline allows.
    case deadlineUnmeetable = "deadline_unmeetable"
    /// The lane sheds load.
    case overloaded
    /// The provider failed and no attempt was left.
    case error
}

/// Which model answered in place of the one that was asked for, and why.
package struct WireFallback: Sendable, Equatable {
    /// The model in the request, at most 256 bytes.
    package var from: String
    /// The model that the request was sent with instead.
    package var to: String
    /// A ``FallbackReason``, or one of a later version.
    package var reason: String

    /// A fallback as the agent reports it.
    package init(from: String, to: String, reason: FallbackReason) {
        self.init(from: from, to: to, reason: reason.rawValue)
    }

    /// A fallback as a client reads it.
    init(from: String, to: String, reason: String) {
        self.from = from
        self.to = to
        self.reason = reason
    }
}

/// What every result says besides its body.
package struct ResultSummary: Sendable, Equatable {
    package var status: Int
    package var usage: WireUsage?
    package var charged: Charge
    package var attempts: Int
    package var upstreamRequestID: String?
    package var model: String?
    package var queuedMS: Int
    package var upstreamMS: Int
    package var totalMS: Int
    /// Nil when the model that was asked for answered.
    package var fallback: WireFallback?

    package init(
        status: Int, usage: WireUsage?, charged: Charge, attempts: Int, upstreamRequestID: String?, model: String?,
        queuedMS: Int, upstreamMS: Int, totalMS: Int, fallback: WireFallback? = nil
    ) {
        self.status = status
        self.usage = usage
        self.charged = charged
        self.attempts = attempts
        self.upstreamRequestID = upstreamRequestID
        self.model = model
        self.queuedMS = queuedMS
        self.upstreamMS = upstreamMS
        self.totalMS = totalMS
        self.fallback = fallback
    }
}

/// What the agent tells a client in its `hello`.
package struct AgentGreeting: Sendable, Equatable {
    package var agent: String
    package var instance: String
    package var maxFrame: Int
    package var maxInflight: Int
    package var streamCredit: Int
    package var identity: String

    package init(
        agent: String, instance: String, maxFrame: Int, maxInflight: Int, streamCredit: Int, identity: String
    ) {
        self.agent = agent
        self.instance = instance
        self.maxFrame = maxFrame
        self.maxInflight = maxInflight
        self.streamCredit = streamCredit
        self.identity = identity
    }
}

extension FrameWriter {
    package mutating func hello(_ greeting: AgentGreeting) {
        begin("hello")
        member("proto", WireLimits.proto)
        member("min", WireLimits.minProto)
        member("agent", greeting.agent)
        member("instance", greeting.instance)
        key("features")
        raw("[\"stream\"]")
        member("max_frame", greeting.maxFrame)
        member("max_inflight", greeting.maxInflight)
        member("stream_credit", greeting.streamCredit)
        member("identity", greeting.identity)
        end()
    }

    /// A call waits, or waits at another place than was said before.
    package mutating func queued(id: String, pool: String, position: Int, etaMS: Int?) {
        begin("queued", id: id)
        member("pool", pool)
        member("position", position)
        member("eta_ms", ifPresent: etaMS)
        end()
    }

    package mutating func started(id: String, attempt: Int, waitedMS: Int) {
        begin("started", id: id)
        member("attempt", attempt)
        member("waited_ms", waitedMS)
        end()
    }

    package mutating func retrying(id: String, attempt: Int, code: ErrorCode, delayMS: Int, status: Int?) {
        begin("retrying", id: id)
        member("attempt", attempt)
        member("code", code.rawValue)
        member("delay_ms", delayMS)
        member("status", ifPresent: status)
        end()
    }

    package mutating func chunk(id: String, seq: Int, data: UnsafeRawBufferPointer) {
        begin("chunk", id: id, reserve: data.count + 128)
        member("seq", seq)
        member("data", json: data)
        end()
    }

    /// The answer of a plain call; `body` was validated as JSON.
    package mutating func result(id: String, _ summary: ResultSummary, body: UnsafeRawBufferPointer) {
        begin("result", id: id, reserve: body.count + 512)
        member("status", summary.status)
        member("body", json: body)
        rest(of: summary)
        end()
    }

    /// The end of a streamed call.
    package mutating func result(id: String, _ summary: ResultSummary, finish: StreamFinish, error: WireError?) {
        begin("result", id: id, reserve: 512)
        member("status", summary.status)
        member("finish", finish.rawValue)
        if let error {
            key("error")
            raw("{\"code\":")
            string(error.code.rawValue)
            rest(of: error)
            raw("}")
        }
        rest(of: summary)
        end()
    }

    package mutating func error(id: String?, _ error: WireError) {
        begin("error", id: id)
        member("code", error.code.rawValue)
        rest(of: error)
        end()
    }

    package mutating func pong(id: String?) {
        begin("pong", id: id)
        end()
    }

    package mutating func goaway(reason: String, drainMS: Int) {
        begin("goaway")
        member("reason", reason)
        member("drain_ms", drainMS)
        end()
    }

    private mutating func rest(of error: WireError) {
        member("message", error.message)
        member("retryable", error.retryable)
        member("retry_after_ms", ifPresent: error.retryAfterMS)
        member("limit", ifPresent: error.limit)
        member("field", ifPresent: error.field)
        member("attempts", error.attempts)
        member("charged", error.charged.rawValue)
        member("status", ifPresent: error.status)
        if let upstream = error.upstream {
            upstream.withUnsafeBytes { member("upstream", json: $0) }
        }
    }

    private mutating func rest(of summary: ResultSummary) {
        if let usage = summary.usage {
            key("usage")
            raw("{\"input_tokens\":")
            integer(usage.inputTokens)
            member("output_tokens", usage.outputTokens)
            member("cached_tokens", ifPresent: usage.cachedTokens)
            member("reasoning_tokens", ifPresent: usage.reasoningTokens)
            raw("}")
        }
        member("charged", summary.charged.rawValue)
        member("attempts", summary.attempts)
        member("upstream_request_id", ifPresent: summary.upstreamRequestID)
        member("model", ifPresent: summary.model)
        if let fallback = summary.fallback {
            key("fallback")
            raw("{\"from\":")
            string(fallback.from)
            member("to", fallback.to)
            member("reason", fallback.reason)
            raw("}")
        }
        key("timing")
        raw("{\"queued_ms\":")
        integer(summary.queuedMS)
        member("upstream_ms", summary.upstreamMS)
        member("total_ms", summary.totalMS)
        raw("}")
    }
}
