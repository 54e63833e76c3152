internal import FoundationEssentials
internal import SluiceWire

/// The answer of a plain call.
public struct Answer: Sendable, Equatable {
    /// The provider's HTTP status, 200…299.
    public var status: Int
    /// The provider's response body as JSON text, untouched.
    public var body: [UInt8]
    /// What the call used and took.
    public var facts: Facts

    /// The body as a value.
    ///
    /// - Throws: `DecodingError` when the body has another shape.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(body))
    }
}

extension Answer {
    /// What a call used and took, plain or streamed.
    public struct Facts: Sendable, Equatable {
        /// Tokens, where the provider reported them.
        public var usage: Usage?
        /// How sure the cost is.
        public var charged: Charge
        /// HTTP exchanges that were made.
        public var attempts: Int
        /// The provider's request id, for its support.
        public var requestID: String?
        /// The model that answered.
        public var model: String?
        /// Where the time went.
        public var timing: Timing
        /// Which model answered in place of the one that was asked for; nil when that one answered.
        public var fallback: Fallback?
    }

    /// That another model answered than the one in the request.
    public struct Fallback: Sendable, Equatable {
        /// The model in the request.
        public var from: String
        /// The model that the request was sent with instead.
        public var to: String
        /// Why: `breaker_open`, `quota_exhausted`, `deadline_unmeetable`, `overloaded`, `error`, or a word of a later
        /// version.
        public var reason: String
    }

    /// Tokens as the provider counted them.
    public struct Usage: Sendable, Equatable {
        /// Tokens of the prompt, cached ones included.
        public var inputTokens: Int
        /// Tokens of the completion, reasoning included.
        public var outputTokens: Int
        /// Those of the input that came from the provider's prompt cache.
        public var cachedTokens: Int?
        /// Those of the output that were spent on reasoning.
        public var reasoningTokens: Int?
    }

    /// Where the time went, as the agent measured it, in whole milliseconds.
    public struct Timing: Sendable, Equatable {
        /// Waiting in the agent's queue.
        public var queued: Duration
        /// At the provider, the last attempt only.
        public var upstream: Duration
        /// From arrival at the agent to the answer.
        public var total: Duration
    }

    /// What a call has cost, as far as anyone can know.
    public enum Charge: String, Sendable {
        /// Nothing: it was not sent, or the provider refused it.
        case none
        /// It was sent and its usage is unknown: a timeout, a cut, a cancel.
        case estimated
        /// The provider reported its usage.
        case exact
    }
}

extension Answer.Charge {
    init(_ charge: SluiceWire.Charge) {
        self =
            switch charge {
            case .none: .none
            case .estimated: .estimated
            case .exact: .exact
            }
    }
}

extension Answer.Facts {
    init(_ summary: ResultSummary) {
        self.init(
            usage: summary.usage.map {
                Answer.Usage(
                    inputTokens: $0.inputTokens, outputTokens: $0.outputTokens, cachedTokens: $0.cachedTokens,
                    reasoningTokens: $0.reasoningTokens)
            },
            charged: Answer.Charge(summary.charged), attempts: summary.attempts,
            requestID: summary.upstreamRequestID, model: summary.model,
            timing: Answer.Timing(
                queued: .milliseconds(summary.queuedMS), upstream: .milliseconds(summary.upstreamMS),
                total: .milliseconds(summary.totalMS)),
            fallback: summary.fallback.map { Answer.Fallback(from: $0.from, to: $0.to, reason: $0.reason) })
    }
}
