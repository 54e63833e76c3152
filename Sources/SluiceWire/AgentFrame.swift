/// A failure as a client received it. The code stays text, so that an agent newer than the client can name a new one.
package struct ReportedError: Error, Sendable, Equatable {
    package var code: String
    package var message: String
    package var retryable: Bool
    package var retryAfterMS: Int?
    package var limit: String?
    package var field: String?
    package var attempts: Int
    package var charged: Charge
    package var status: Int?
    /// The provider's own error object, as bytes.
    package var upstream: [UInt8]?

    /// The code as this version's vocabulary knows it; nil for a newer one.
    package var known: ErrorCode? { ErrorCode(rawValue: code) }
}

/// What an agent may send. Fields and events that this version does not know are passed over.
package enum AgentFrame: Sendable, Equatable {
    case hello(AgentGreeting, proto: Int)
    case queued(id: String, pool: String, position: Int, etaMS: Int?)
    case started(id: String, attempt: Int, waitedMS: Int)
    case retrying(id: String, attempt: Int, code: String, delayMS: Int, status: Int?)
    /// One piece of a stream; `data` is its place in the bytes that were read.
    case chunk(id: String, seq: Int, data: Range<Int>)
    /// The answer of a plain call; `body` is its place in the bytes that were read.
    case result(id: String, ResultSummary, body: Range<Int>)
    /// The end of a stream, with the reason unless it is complete.
    case finished(id: String, ResultSummary, finish: StreamFinish, error: ReportedError?)
    case error(id: String?, ReportedError)
    case pong(id: String?)
    case goaway(reason: String, drainMS: Int)
    /// An event of a later version.
    case unknown
}

/// Why a frame is not one that an agent may send.
package enum AgentFrameFault: Error, Sendable, Equatable {
    case json(JSONFault)
    /// A member that its event needs is missing or of the wrong type.
    case field(String)
}

extension AgentFrame {
    /// Reads one frame's payload. Ranges inside the answer refer to `bytes`.
    ///
    /// - Throws: ``AgentFrameFault`` when the bytes are not JSON or a member that the event needs is not there.
    package static func read(_ bytes: RawSpan) throws(AgentFrameFault) -> AgentFrame {
        let members = try AgentMembers.read(bytes)
        let event = try members.text("event", in: bytes)
        return switch event {
        case "chunk":
            .chunk(
                id: try members.text("id", in: bytes), seq: try members.integer("seq", in: bytes),
                data: try members.range("data", in: bytes))
        case "result": try members.result(in: bytes)
        case "error": .error(id: members.optionalText("id", in: bytes), try members.reportedError(in: bytes))
        case "queued", "started", "retrying": try members.progress(event, in: bytes)
        case "hello": try members.greeting(in: bytes)
        case "pong": .pong(id: members.optionalText("id", in: bytes))
        case "goaway":
            .goaway(
                reason: members.optionalText("reason", in: bytes) ?? "unknown",
                drainMS: members.optionalInteger("drain_ms", in: bytes) ?? 0)
        default: .unknown
        }
    }
}

/// The members of one object that an agent sent, and typed looks at them. Optional ones of a wrong type count as
/// absent.
private struct AgentMembers {
    let slice: JSONObjectSlice

    static func read(_ bytes: RawSpan) throws(AgentFrameFault) -> AgentMembers {
        do {
            return AgentMembers(slice: try JSONObjectSlice.read(bytes))
        } catch {
            throw .json(error)
        }
    }

    func optionalText(_ key: StaticString, in bytes: RawSpan) -> String? {
        guard let value = slice.value(key, in: bytes), value.kind == .string else { return nil }
        return JSONText.string(value, in: bytes)
    }

    func optionalInteger(_ key: StaticString, in bytes: RawSpan) -> Int? {
        slice.value(key, in: bytes).flatMap { JSONText.integer($0, in: bytes) }
    }

    func text(_ key: StaticString, in bytes: RawSpan) throws(AgentFrameFault) -> String {
        guard let text = optionalText(key, in: bytes) else { throw .field(key.description) }
        return text
    }

    func integer(_ key: StaticString, in bytes: RawSpan) throws(AgentFrameFault) -> Int {
        guard let number = optionalInteger(key, in: bytes) else { throw .field(key.description) }
        return number
    }

    func range(_ key: StaticString, in bytes: RawSpan) throws(AgentFrameFault) -> Range<Int> {
        guard let value = slice.value(key, in: bytes) else { throw .field(key.description) }
        return value.range
    }

    func members(_ key: StaticString, in bytes: RawSpan) -> AgentMembers? {
        slice.value(key, in: bytes).flatMap { JSONObjectSlice.read($0, in: bytes) }.map(AgentMembers.init(slice:))
    }
}

// MARK: - Events

extension AgentMembers {
    func greeting(in bytes: RawSpan) throws(AgentFrameFault) -> AgentFrame {
        let greeting = AgentGreeting(
            agent: optionalText("agent", in: bytes) ?? "unknown",
            instance: optionalText("instance", in: bytes) ?? "",
            maxFrame: optionalInteger("max_frame", in: bytes) ?? WireLimits.frameSize,
            maxInflight: optionalInteger("max_inflight", in: bytes) ?? WireLimits.inflightPerConnection,
            streamCredit: optionalInteger("stream_credit", in: bytes) ?? WireLimits.streamCredit,
            identity: optionalText("identity", in: bytes) ?? "")
        return .hello(greeting, proto: try integer("proto", in: bytes))
    }

    func progress(_ event: String, in bytes: RawSpan) throws(AgentFrameFault) -> AgentFrame {
        let id = try text("id", in: bytes)
        if event == "queued" {
            return .queued(
                id: id, pool: optionalText("pool", in: bytes) ?? "", position: try integer("position", in: bytes),
                etaMS: optionalInteger("eta_ms", in: bytes))
        }
        let attempt = try integer("attempt", in: bytes)
        if event == "started" {
            return .started(id: id, attempt: attempt, waitedMS: optionalInteger("waited_ms", in: bytes) ?? 0)
        }
        return .retrying(
            id: id, attempt: attempt, code: try text("code", in: bytes),
            delayMS: optionalInteger("delay_ms", in: bytes) ?? 0, status: optionalInteger("status", in: bytes))
    }

    /// `finish` tells the two shapes of a result apart.
    func result(in bytes: RawSpan) throws(AgentFrameFault) -> AgentFrame {
        let id = try text("id", in: bytes)
        let summary = try summary(in: bytes)
        guard let finish = optionalText("finish", in: bytes) else {
            return .result(id: id, summary, body: try range("body", in: bytes))
        }
        guard let known = StreamFinish(rawValue: finish) else { throw .field("finish") }
        let error = try members("error", in: bytes)?.reportedError(in: bytes)
        return .finished(id: id, summary, finish: known, error: error)
    }

    func reportedError(in bytes: RawSpan) throws(AgentFrameFault) -> ReportedError {
        let code = try text("code", in: bytes)
        let retryable = slice.value("retryable", in: bytes).map { $0.kind == .true }
        return ReportedError(
            code: code, message: optionalText("message", in: bytes) ?? "",
            retryable: retryable ?? ErrorCode(rawValue: code)?.retryable ?? false,
            retryAfterMS: optionalInteger("retry_after_ms", in: bytes), limit: optionalText("limit", in: bytes),
            field: optionalText("field", in: bytes), attempts: optionalInteger("attempts", in: bytes) ?? 0,
            charged: charge(in: bytes), status: optionalInteger("status", in: bytes),
            upstream: slice.value("upstream", in: bytes).map { bytes.copy($0.range) })
    }

    private func summary(in bytes: RawSpan) throws(AgentFrameFault) -> ResultSummary {
        let timing = members("timing", in: bytes)
        return ResultSummary(
            status: try integer("status", in: bytes), usage: usage(in: bytes), charged: charge(in: bytes),
            attempts: optionalInteger("attempts", in: bytes) ?? 1,
            upstreamRequestID: optionalText("upstream_request_id", in: bytes),
            model: optionalText("model", in: bytes),
            queuedMS: timing?.optionalInteger("queued_ms", in: bytes) ?? 0,
            upstreamMS: timing?.optionalInteger("upstream_ms", in: bytes) ?? 0,
            totalMS: timing?.optionalInteger("total_ms", in: bytes) ?? 0, fallback: fallback(in: bytes))
    }

    private func fallback(in bytes: RawSpan) -> WireFallback? {
        guard let fallback = members("fallback", in: bytes), let from = fallback.optionalText("from", in: bytes),
            let to = fallback.optionalText("to", in: bytes)
        else { return nil }
        return WireFallback(from: from, to: to, reason: fallback.optionalText("reason", in: bytes) ?? "")
    }

    private func usage(in bytes: RawSpan) -> WireUsage? {
        guard let usage = members("usage", in: bytes),
            let input = usage.optionalInteger("input_tokens", in: bytes),
            let output = usage.optionalInteger("output_tokens", in: bytes)
        else { return nil }
        return WireUsage(
            inputTokens: input, outputTokens: output, cachedTokens: usage.optionalInteger("cached_tokens", in: bytes),
            reasoningTokens: usage.optionalInteger("reasoning_tokens", in: bytes))
    }

    /// What is not said counts as estimated: the honest answer to "may this have cost something?".
    private func charge(in bytes: RawSpan) -> Charge {
        optionalText("charged", in: bytes).flatMap(Charge.init(rawValue:)) ?? .estimated
    }
}
