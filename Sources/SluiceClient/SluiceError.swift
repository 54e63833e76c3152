internal import SluiceWire

/// Why a call failed, in the agent's words, with what is needed to decide what to do next.
///
/// ```swift
/// do {
///     answer = try await client.call("/v1/chat/completions", body: request)
/// } catch where error.retryable {
///     try await Task.sleep(for: error.retryAfter ?? .seconds(1))
/// }
/// ```
public struct SluiceError: Error, Sendable, Equatable {
    /// One of the protocol's codes, or a `client_…` code for what went wrong before the agent could answer.
    public var code: Code
    /// For people: the cause and the cure. It never holds a key, a prompt or a completion.
    public var message: String
    /// Whether the same call may succeed later without being changed. The client itself never sends a call twice.
    public var retryable: Bool
    /// How long to wait until a new try can succeed, where that is known.
    public var retryAfter: Duration?
    /// The bound that was hit, such as `tokens_per_minute` or `max_inflight`.
    public var limit: String?
    /// The path of the field that was wrong, such as `body.model`.
    public var field: String?
    /// HTTP exchanges that were made with the provider.
    public var attempts: Int
    /// Whether it may have cost something.
    public var charged: Answer.Charge
    /// The provider's HTTP status, where it answered.
    public var status: Int?
    /// The provider's own error object as JSON text, where it sent one.
    public var upstream: [UInt8]?

    /// Who has to act: the family is the code's prefix.
    public var family: Family { code.family }
}

extension SluiceError {
    /// Who has to act on a failure.
    public enum Family: String, Sendable {
        /// The request was wrong, was cancelled, or was read too slowly: change the program.
        case caller
        /// The agent refused it: wait, or change its configuration.
        case policy
        /// OpenAI refused or failed.
        case provider
        /// The agent could not be reached, or the connection to it broke.
        case client
        /// A defect of the agent.
        case `internal`
    }

    /// A failure's name. The vocabulary is closed per agent version; a newer agent may use codes without a constant
    /// here.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The code as it stands on the wire.
        public let rawValue: String

        /// Any code at all, known to this version or not.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The code as it stands on the wire.
        public var description: String { rawValue }

        /// The prefix of the code; one that is unknown counts as ``SluiceError/Family/internal``.
        public var family: Family {
            rawValue.split(separator: "_", maxSplits: 1).first.flatMap { Family(rawValue: String($0)) } ?? .internal
        }
    }
}

extension SluiceError: CustomStringConvertible {
    /// The code and the message, and the limit and the waiting time where there are any.
    public var description: String {
        var text = "\(code): \(message)"
        if let limit { text += " (limit: \(limit))" }
        if let retryAfter { text += "; try again in \(retryAfter)" }
        return text
    }
}

extension SluiceError {
    /// A failure that this side found out about.
    init(
        _ code: Code, _ message: String, retryable: Bool = false, limit: String? = nil, field: String? = nil,
        charged: Answer.Charge = .none
    ) {
        self.init(
            code: code, message: message, retryable: retryable, retryAfter: nil, limit: limit, field: field,
            attempts: 0, charged: charged, status: nil, upstream: nil)
    }

    /// The same failure, with what the agent last said about the connection as a whole.
    func explained(by remark: SluiceError?) -> SluiceError {
        guard let remark else { return self }
        var error = self
        error.message += "; the agent had said: \(remark)"
        return error
    }

    /// The same failure for a call that was in flight when it happened.
    var withUnknownOutcome: SluiceError {
        var error = self
        if error.charged == .none { error.charged = .estimated }
        return error
    }

    init(_ reported: ReportedError) {
        self.init(
            code: Code(rawValue: reported.code), message: reported.message, retryable: reported.retryable,
            retryAfter: reported.retryAfterMS.map { .milliseconds($0) }, limit: reported.limit,
            field: reported.field, attempts: reported.attempts, charged: Answer.Charge(reported.charged),
            status: reported.status, upstream: reported.upstream)
    }
}
