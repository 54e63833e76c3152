extension SluiceError.Code {
    // This side's own.

    /// No agent answered at any of the places tried; the message lists them.
    public static let clientUnreachable = Self(rawValue: "client_unreachable")
    /// The connection broke, or was closed, while the call was in flight; whether it was carried out is not known.
    public static let clientConnectionLost = Self(rawValue: "client_connection_lost")
    /// The agent sent something that is not the protocol.
    public static let clientProtocolViolation = Self(rawValue: "client_protocol_violation")
    /// The agent said nothing in time: after a deadline that it should have kept itself, or after a cancel.
    public static let clientNoAnswer = Self(rawValue: "client_no_answer")

    // The protocol's.

    /// A frame of length zero.
    public static let callerInvalidFrame = Self(rawValue: "caller_invalid_frame")
    /// The request is larger than the agent takes; `limit` names the setting.
    public static let callerFrameTooLarge = Self(rawValue: "caller_frame_too_large")
    /// The frame is not UTF-8.
    public static let callerInvalidUTF8 = Self(rawValue: "caller_invalid_utf8")
    /// The frame, or the body given to this client, is not one JSON object.
    public static let callerInvalidJSON = Self(rawValue: "caller_invalid_json")
    /// The body is nested too deeply.
    public static let callerNestingTooDeep = Self(rawValue: "caller_nesting_too_deep")
    /// A field is missing or wrong; `field` names it.
    public static let callerInvalidField = Self(rawValue: "caller_invalid_field")
    /// The handshake was missing.
    public static let callerHelloRequired = Self(rawValue: "caller_hello_required")
    /// The handshake was sent twice.
    public static let callerDuplicateHello = Self(rawValue: "caller_duplicate_hello")
    /// The agent speaks other protocol versions than this client.
    public static let callerUnsupportedProto = Self(rawValue: "caller_unsupported_proto")
    /// The agent does not know the operation.
    public static let callerUnknownOp = Self(rawValue: "caller_unknown_op")
    /// The id is in flight already.
    public static let callerDuplicateID = Self(rawValue: "caller_duplicate_id")
    /// Too many calls in flight.
    public static let callerTooManyInflight = Self(rawValue: "caller_too_many_inflight")
    /// Too many connections to the agent.
    public static let callerTooManyConnections = Self(rawValue: "caller_too_many_connections")
    /// The stream was not read fast enough.
    public static let callerSlowConsumer = Self(rawValue: "caller_slow_consumer")
    /// The task that made the call was cancelled.
    public static let callerCancelled = Self(rawValue: "caller_cancelled")
    /// The caller went away.
    public static let callerDisconnected = Self(rawValue: "caller_disconnected")
    /// The path is not on the agent's allowlist.
    public static let policyEndpointNotAllowed = Self(rawValue: "policy_endpoint_not_allowed")
    /// The tenant's plan does not have this lane.
    public static let policyLaneNotAllowed = Self(rawValue: "policy_lane_not_allowed")
    /// The queue for this quota is full, or the tenant's part of it.
    public static let policyQueueFull = Self(rawValue: "policy_queue_full")
    /// The deadline passed.
    public static let policyDeadlineExceeded = Self(rawValue: "policy_deadline_exceeded")
    /// The call would have waited longer than its deadline allows.
    public static let policyDeadlineUnmeetable = Self(rawValue: "policy_deadline_unmeetable")
    /// The lane has been too slow for too long, so the agent sheds some of its calls.
    public static let policyOverloaded = Self(rawValue: "policy_overloaded")
    /// The provider has failed too often just now; no call is sent to it for a while.
    public static let policyCircuitOpen = Self(rawValue: "policy_circuit_open")
    /// The call is larger than the limit can ever grant.
    public static let policyExceedsLimit = Self(rawValue: "policy_exceeds_limit")
    /// The agent has no usable key for the upstream.
    public static let policyNoCredentials = Self(rawValue: "policy_no_credentials")
    /// The agent is shutting down.
    public static let policyDraining = Self(rawValue: "policy_draining")
    /// The provider's rate limit was hit.
    public static let providerRateLimited = Self(rawValue: "provider_rate_limited")
    /// The account has no quota left.
    public static let providerQuotaExhausted = Self(rawValue: "provider_quota_exhausted")
    /// The provider did not accept the agent's key.
    public static let providerAuthFailed = Self(rawValue: "provider_auth_failed")
    /// The provider found the request wrong; `upstream` says how.
    public static let providerInvalidRequest = Self(rawValue: "provider_invalid_request")
    /// The provider failed.
    public static let providerServerError = Self(rawValue: "provider_server_error")
    /// The provider is overloaded.
    public static let providerOverloaded = Self(rawValue: "provider_overloaded")
    /// The provider did not answer in time; it may have charged for the call.
    public static let providerTimeout = Self(rawValue: "provider_timeout")
    /// The provider could not be reached.
    public static let providerUnreachable = Self(rawValue: "provider_unreachable")
    /// The connection to the provider broke.
    public static let providerConnectionLost = Self(rawValue: "provider_connection_lost")
    /// The provider sent something that is not its API.
    public static let providerBadResponse = Self(rawValue: "provider_bad_response")
    /// The provider's answer is larger than the agent takes.
    public static let providerResponseTooLarge = Self(rawValue: "provider_response_too_large")
    /// The provider reported an error inside the stream.
    public static let providerStreamError = Self(rawValue: "provider_stream_error")
    /// A defect of the agent.
    public static let `internal` = Self(rawValue: "internal")
}
