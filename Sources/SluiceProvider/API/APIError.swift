/// A refusal in OpenAI's form: a status and `{"error":{"message","type","param","code"}}`.
struct APIError: Error, Sendable, Equatable {
    var status: Int
    var type: String
    var code: String?
    var message: String
    var param: String?
    /// Headers beyond the usual ones, such as `retry-after-ms`.
    var headers: [Header] = []

    /// One response header.
    struct Header: Sendable, Equatable {
        let name: String
        let value: String
    }

    init(_ status: Int, _ type: String, code: String?, _ message: String, param: String? = nil) {
        self.status = status
        self.type = type
        self.code = code
        self.message = message
        self.param = param
    }

    /// The `error` object.
    var object: JSONValue {
        [
            "message": .string(message), "type": .string(type), "param": .optional(param), "code": .optional(code),
        ]
    }

    /// The whole body.
    var body: JSONValue { ["error": object] }
}

// MARK: What can be wrong with a request

extension APIError {
    /// 400 `invalid_request_error`.
    static func invalid(_ code: String?, _ message: String, param: String? = nil) -> APIError {
        APIError(400, "invalid_request_error", code: code, message, param: param)
    }

    static func missing(_ param: String) -> APIError {
        invalid("missing_required_parameter", "Missing required parameter: '\(param)'.", param: param)
    }

    static func wrongType(_ param: String, expected: String) -> APIError {
        invalid("invalid_type", "Invalid type for '\(param)': expected \(expected).", param: param)
    }

    static func wrongValue(_ param: String, _ rule: String) -> APIError {
        invalid("invalid_value", "Invalid value for '\(param)': \(rule).", param: param)
    }

    static func notJSON(_ error: JSONError) -> APIError {
        invalid(nil, "The request body is not valid JSON: \(error.reason) at byte \(error.offset).")
    }

    static func contextLength(limit: Int, prompt: Int, output: Int, param: String) -> APIError {
        invalid(
            "context_length_exceeded",
            "The model's context window is \(limit) tokens, and the request needs \(prompt + output) "
                + "(\(prompt) in the input, \(output) for the output).", param: param)
    }
}

// MARK: Who may not

extension APIError {
    /// 401. Nothing of the key that was offered is repeated.
    static let invalidKey = APIError(
        401, "invalid_request_error", code: "invalid_api_key", "The API key is missing or not one of the stand-in's.")

    static func modelNotFound(_ model: String) -> APIError {
        APIError(
            404, "invalid_request_error", code: "model_not_found", "The model '\(model)' does not exist here.",
            param: "model")
    }

    static func unknownURL(_ method: String, _ path: String) -> APIError {
        APIError(404, "invalid_request_error", code: "unknown_url", "Unknown request URL: \(method) \(path).")
    }

    static func methodNotAllowed(_ method: String, _ path: String) -> APIError {
        APIError(
            405, "invalid_request_error", code: "method_not_supported", "\(path) does not take \(method).")
    }

    static let bodyTooLarge = APIError(
        413, "invalid_request_error", code: "request_too_large", "The request body is larger than the stand-in reads.")
}

// MARK: Not now

extension APIError {
    /// 429 with both retry headers; `waitNS` is `nil` when the call can never fit.
    static func rateLimited(
        model: String, quota: RateLimiter.Quota, limit: Int, requested: Int, waitNS: Int?
    ) -> APIError {
        let name = quota == .requests ? "requests per min (RPM)" : "tokens per min (TPM)"
        let figures = "Limit \(limit), requested \(requested)."
        guard let waitNS else {
            return APIError(
                429, quota.rawValue, code: "rate_limit_exceeded",
                "Request too large for \(model) on \(name): \(figures)")
        }
        let wait = Durations.reset(nanoseconds: waitNS)
        var error = APIError(
            429, quota.rawValue, code: "rate_limit_exceeded",
            "Rate limit reached for \(model) on \(name): \(figures) Try again in \(wait).")
        let waitMS = (waitNS + 999_999) / 1_000_000
        error.headers = [
            Header(name: "retry-after-ms", value: String(waitMS)),
            Header(name: "retry-after", value: String((waitMS + 999) / 1000)),
        ]
        return error
    }

    static let insufficientQuota = APIError(
        429, "insufficient_quota", code: "insufficient_quota", "The quota of this stand-in account is used up.")
    static let serverError = APIError(
        500, "server_error", code: "server_error", "The stand-in failed on purpose.")
    static let overloaded = APIError(
        503, "service_unavailable_error", code: "server_is_overloaded", "The stand-in plays overloaded.")
    static let slowDown = APIError(
        503, "service_unavailable_error", code: "slow_down", "The stand-in asks for slower growth.")
}
