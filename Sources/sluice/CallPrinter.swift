internal import SluiceClient

/// Prints what happens to a call, for people or for programs.
struct CallPrinter: Sendable {
    enum Style: Sendable {
        /// The answer's words.
        case text
        /// The provider's bytes.
        case raw
        /// One line of JSON for each event.
        case json
    }

    let style: Style
    let isVerbose: Bool

    func answer(_ answer: Answer) {
        switch style {
        case .text:
            StandardStreams.print(
                (AnswerText.whole(answer.body) ?? String(decoding: answer.body, as: UTF8.self)) + "\n")
        case .raw: StandardStreams.print(answer.body + [0x0A])
        case .json:
            var line = JSONLine(event: "result")
            line.member("status", answer.status)
            line.member("body", json: answer.body)
            line.facts(answer.facts)
            StandardStreams.print(line.line)
        }
        tell(answer.facts)
    }

    func chunk(_ chunk: [UInt8]) {
        switch style {
        case .text: StandardStreams.print(AnswerText.piece(chunk) ?? "")
        case .raw: StandardStreams.print(chunk + [0x0A])
        case .json:
            var line = JSONLine(event: "chunk")
            line.member("data", json: chunk)
            StandardStreams.print(line.line)
        }
    }

    /// The end of a stream, however it ended; nil when it failed before its first chunk, or the
    /// connection broke.
    func end(_ end: StreamEnd?, hasChunks: Bool) {
        if style == .text, hasChunks { StandardStreams.print("\n") }
        guard let end else { return }
        if style == .json {
            var line = JSONLine(event: "result")
            line.member("finish", end.finish.rawValue)
            line.facts(end.facts)
            StandardStreams.print(line.line)
        }
        tell(end.facts)
    }

    func progress(_ progress: CallOptions.Progress) {
        if style == .json {
            StandardStreams.print(JSONLine.progress(progress).line)
            return
        }
        switch progress {
        case .queued(let pool, let position, let estimate):
            let time = estimate.map { ", about \($0)" } ?? ""
            StandardStreams.complain("waiting for \(pool), place \(position)\(time)")
        case .started(_, let waited): StandardStreams.complain("started after \(waited)")
        case .retrying(let attempt, let code, let delay):
            StandardStreams.complain("attempt \(attempt) follows in \(delay): \(code)")
        }
    }

    func failure(_ error: SluiceError) {
        if style == .json {
            StandardStreams.print(JSONLine.failure(error).line)
            return
        }
        StandardStreams.complain("sluice call: \(error)")
        if let upstream = error.upstream {
            let status = error.status.map { " (HTTP \($0))" } ?? ""
            StandardStreams.complain("  the provider says\(status): \(String(decoding: upstream, as: UTF8.self))")
        }
        if error.charged == .estimated { StandardStreams.complain("  it may have been charged") }
    }

    private func tell(_ facts: Answer.Facts) {
        guard isVerbose, style != .json else { return }
        let tokens = facts.usage.map { "\($0.inputTokens) tokens in, \($0.outputTokens) out" } ?? "usage unknown"
        let attempts = facts.attempts == 1 ? "" : ", \(facts.attempts) attempts"
        StandardStreams.complain(
            "\(tokens); \(facts.timing.total), of it \(facts.timing.queued) queued\(attempts)"
                + (facts.requestID.map { "; \($0)" } ?? ""))
        if let fallback = facts.fallback {
            StandardStreams.complain("\(fallback.to) answered instead of \(fallback.from): \(fallback.reason)")
        }
    }
}

extension JSONLine {
    static func progress(_ progress: CallOptions.Progress) -> JSONLine {
        switch progress {
        case .queued(let pool, let position, let estimate):
            var line = JSONLine(event: "queued")
            line.member("pool", pool)
            line.member("position", position)
            line.member("eta_ms", estimate)
            return line
        case .started(let attempt, let waited):
            var line = JSONLine(event: "started")
            line.member("attempt", attempt)
            line.member("waited_ms", waited)
            return line
        case .retrying(let attempt, let code, let delay):
            var line = JSONLine(event: "retrying")
            line.member("attempt", attempt)
            line.member("code", code.rawValue)
            line.member("delay_ms", delay)
            return line
        }
    }

    static func failure(_ error: SluiceError) -> JSONLine {
        var line = JSONLine(event: "error")
        line.member("code", error.code.rawValue)
        line.member("message", error.message)
        line.member("retryable", error.retryable)
        line.member("retry_after_ms", error.retryAfter)
        line.member("limit", error.limit)
        line.member("field", error.field)
        line.member("attempts", error.attempts)
        line.member("charged", error.charged.rawValue)
        line.member("status", error.status)
        line.member("upstream", json: error.upstream)
        return line
    }

    mutating func facts(_ facts: Answer.Facts) {
        if let usage = facts.usage {
            var object = JSONLine.object
            object.member("input_tokens", usage.inputTokens)
            object.member("output_tokens", usage.outputTokens)
            object.member("cached_tokens", usage.cachedTokens)
            object.member("reasoning_tokens", usage.reasoningTokens)
            member("usage", object)
        }
        member("charged", facts.charged.rawValue)
        member("attempts", facts.attempts)
        member("upstream_request_id", facts.requestID)
        member("model", facts.model)
        if let fallback = facts.fallback {
            var object = JSONLine.object
            object.member("from", fallback.from)
            object.member("to", fallback.to)
            object.member("reason", fallback.reason)
            member("fallback", object)
        }
        var timing = JSONLine.object
        timing.member("queued_ms", facts.timing.queued)
        timing.member("upstream_ms", facts.timing.upstream)
        timing.member("total_ms", facts.timing.total)
        member("timing", timing)
    }
}
