/// The closed error vocabulary of the protocol. `protocol/errors.json` carries the same list with cause and cure;
/// a test holds the two together.
package enum ErrorCode: String, Sendable, CaseIterable {
    case callerInvalidFrame = "caller_invalid_frame"
    case callerFrameTooLarge = "caller_frame_too_large"
    case callerInvalidUTF8 = "caller_invalid_utf8"
    case callerInvalidJSON = "caller_invalid_json"
    case callerNestingTooDeep = "caller_nesting_too_deep"
    case callerInvalidField = "caller_invalid_field"
    case callerHelloRequired = "caller_hello_required"
    case callerDuplicateHello = "caller_duplicate_hello"
    case callerUnsupportedProto = "caller_unsupported_proto"
    case callerUnknownOp = "caller_unknown_op"
    case callerDuplicateID = "caller_duplicate_id"
    case callerTooManyInflight = "caller_too_many_inflight"
    case callerTooManyConnections = "caller_too_many_connections"
    case callerSlowConsumer = "caller_slow_consumer"
    case callerCancelled = "caller_cancelled"
    case callerDisconnected = "caller_disconnected"
    case policyEndpointNotAllowed = "policy_endpoint_not_allowed"
    case policyLaneNotAllowed = "policy_lane_not_allowed"
    case policyQueueFull = "policy_queue_full"
    case policyDeadlineExceeded = "policy_deadline_exceeded"
    case policyDeadlineUnmeetable = "policy_deadline_unmeetable"
    case policyOverloaded = "policy_overloaded"
    case policyCircuitOpen = "policy_circuit_open"
    case policyExceedsLimit = "policy_exceeds_limit"
    case policyNoCredentials = "policy_no_credentials"
    case policyDraining = "policy_draining"
    case providerRateLimited = "provider_rate_limited"
    case providerQuotaExhausted = "provider_quota_exhausted"
    case providerAuthFailed = "provider_auth_failed"
    case providerInvalidRequest = "provider_invalid_request"
    case providerServerError = "provider_server_error"
    case providerOverloaded = "provider_overloaded"
    case providerTimeout = "provider_timeout"
    case providerUnreachable = "provider_unreachable"
    case providerConnectionLost = "provider_connection_lost"
    case providerBadResponse = "provider_bad_response"
    case providerResponseTooLarge = "provider_response_too_large"
    case providerStreamError = "provider_stream_error"
    case `internal` = "internal"

    /// Whether the same call may succeed later without being changed.
    package var retryable: Bool {
        switch self {
        case .callerTooManyInflight, .callerTooManyConnections, .policyQueueFull, .policyDeadlineUnmeetable,
            .policyOverloaded, .policyCircuitOpen, .policyDraining, .providerRateLimited, .providerServerError,
            .providerOverloaded, .providerTimeout,
            .providerUnreachable, .providerConnectionLost, .providerBadResponse, .internal:
            true
        case .callerInvalidFrame, .callerFrameTooLarge, .callerInvalidUTF8, .callerInvalidJSON,
            .callerNestingTooDeep, .callerInvalidField, .callerHelloRequired, .callerDuplicateHello,
            .callerUnsupportedProto, .callerUnknownOp, .callerDuplicateID, .callerSlowConsumer, .callerCancelled,
            .callerDisconnected, .policyEndpointNotAllowed, .policyLaneNotAllowed, .policyDeadlineExceeded,
            .policyExceedsLimit,
            .policyNoCredentials, .providerQuotaExhausted, .providerAuthFailed,
            .providerInvalidRequest, .providerResponseTooLarge, .providerStreamError:
            false
        }
    }

    /// Whether the frame itself, or the way the connection is used, was wrong.
    package var isCallersFault: Bool { rawValue.hasPrefix("caller_") }

    /// Whether the agent closes the connection after this error.
    package var closesConnection: Bool { self == .callerFrameTooLarge || self == .callerTooManyConnections }
}

/// What a call has cost so far, as far as anyone can know.
package enum Charge: String, Sendable {
    /// Nothing was sent, or the provider refused it.
    case none
    /// It was sent and its usage is unknown: a timeout, a cut, a cancel.
    case estimated
    /// The provider reported its usage.
    case exact
}

/// One failure as it crosses the wire.
package struct WireError: Error, Sendable, Equatable {
    package var code: ErrorCode
    /// For people: names the cause and the cure; never holds a key, a prompt or a completion.
    package var message: String
    package var retryable: Bool
    /// Milliseconds after which a new try can succeed, where that is known.
    package var retryAfterMS: Int?
    /// The bound that was hit.
    package var limit: String?
    /// The path of the field that was wrong.
    package var field: String?
    /// HTTP exchanges made.
    package var attempts: Int
    package var charged: Charge
    /// The provider's HTTP status.
    package var status: Int?
    /// The provider's own error object, as bytes.
    package var upstream: [UInt8]?

    package init(
        _ code: ErrorCode, _ message: String, retryable: Bool? = nil, retryAfterMS: Int? = nil,
        limit: String? = nil, field: String? = nil, attempts: Int = 0, charged: Charge = .none, status: Int? = nil,
        upstream: [UInt8]? = nil
    ) {
        self.code = code
        self.message = message
        self.retryable = retryable ?? code.retryable
        self.retryAfterMS = retryAfterMS
        self.limit = limit
        self.field = field
        self.attempts = attempts
        self.charged = charged
        self.status = status
        self.upstream = upstream
    }
}
