/// Something that goes wrong on purpose.
package struct Fault: Sendable, Equatable {
    /// What goes wrong. Numbers from 400 to 599 are statuses of their own.
    enum Kind: Sendable, Equatable {
        /// An error reply with this status.
        case status(Int)
        case insufficientQuota, contextLength, overloaded, slowDown
        /// Says nothing, ever.
        case hang
        /// After some events of a stream (or half a body) says no more, with the connection open.
        case hangMidStream
        /// After some events of a stream (or half a body) drops the connection.
        case cutMidStream
        /// Half of a body whose length was announced whole, then the connection is dropped.
        case cutMidBody
        /// Ends a stream in order after some events, without its terminal event.
        case endEarly
        /// A body, or one event of a stream, that is not JSON.
        case malformedJSON
        /// Every few bytes a pause.
        case trickle
        /// A valid body, or one event of a stream, of many bytes.
        case hugeBody
        /// An error object inside a stream that began with 200.
        case streamError
        /// As `streamError`; a Responses stream ends with `response.failed` instead of `error`.
        case responseFailed
        /// An HTML page with status 200.
        case wrongContentType
        /// Closes the connection without a byte.
        case close
        /// As `close`, with a TCP reset.
        case reset
        /// Waits before it starts.
        case delay
    }

    var kind: Kind
    /// Name as in the directive, the label in statistics.
    var name: String
    /// `retry-after-ms`, as given; it need not be a number.
    var retryAfterMS: String?
    /// `retry-after` in seconds, as given; it need not be a number.
    var retryAfter: String?
    /// `retry-after` as an HTTP date so many seconds from now.
    var retryAfterDateSeconds: Int?
    /// `x-should-retry`, as given.
    var shouldRetry: String?
    /// The error's `code`, in place of the usual one.
    var code: String?
    /// Events that pass before the fault; 2 unless given.
    var after = 2
    /// Size of a huge body (8 MiB unless given, at most 1 GiB) or of one piece of a trickle (1 unless given).
    var bytes: Int?
    /// Pause between the pieces of a trickle (20 ms unless given), or before the start for `delay` (1 s unless given).
    var delayMS: Int?
    /// The fault strikes only the first so many calls with the same directive.
    var times: Int?

    static let maxBytes = 1 << 30
}

extension Fault.Kind {
    /// The kind of a directive's word.
    init?(word: String) {
        if let status = Int(word), (400...599).contains(status) {
            self = .status(status)
            return
        }
        guard let kind = Self.words[word] else { return nil }
        self = kind
    }

    /// Every word beside the statuses.
    static let words: [String: Fault.Kind] = [
        "rate-limit": .status(429), "quota": .insufficientQuota, "context-length": .contextLength,
        "overloaded": .overloaded, "slow-down": .slowDown, "hang": .hang, "hang-mid-stream": .hangMidStream,
        "cut-mid-stream": .cutMidStream, "cut-mid-body": .cutMidBody, "end-early": .endEarly,
        "malformed-json": .malformedJSON, "trickle": .trickle, "huge-body": .hugeBody,
        "stream-error": .streamError, "response-failed": .responseFailed,
        "wrong-content-type": .wrongContentType, "close": .close, "reset": .reset, "delay": .delay,
    ]
}

extension Fault {
    /// The error reply of a fault that is one.
    func apiError(unixSeconds: Int) -> APIError? {
        var error: APIError
        switch kind {
        case .status(let status): error = Self.error(status)
        case .insufficientQuota: error = .insufficientQuota
        case .contextLength: error = .contextLength(limit: 8192, prompt: 9000, output: 0, param: "messages")
        case .overloaded: error = .overloaded
        case .slowDown: error = .slowDown
        default: return nil
        }
        if let code { error.code = code }
        error.headers = retryHeaders(unixSeconds: unixSeconds)
        return error
    }

    private static func error(_ status: Int) -> APIError {
        switch status {
        case 401: .invalidKey
        case 404: .modelNotFound("of this fault")
        case 429:
            APIError(429, "requests", code: "rate_limit_exceeded", "Rate limit reached, says the stand-in's fault.")
        case 500: .serverError
        case 503: .overloaded
        case 501...599: APIError(status, "server_error", code: nil, "The stand-in failed on purpose.")
        default: APIError(status, "invalid_request_error", code: nil, "The stand-in refused on purpose.")
        }
    }

    private func retryHeaders(unixSeconds: Int) -> [APIError.Header] {
        let date = retryAfterDateSeconds.map { Durations.httpDate(unixSeconds: max(unixSeconds + $0, 0)) }
        let pairs = [
            ("retry-after-ms", retryAfterMS), ("retry-after", retryAfter ?? date), ("x-should-retry", shouldRetry),
        ]
        return pairs.compactMap { name, value in value.map { APIError.Header(name: name, value: $0) } }
    }
}
