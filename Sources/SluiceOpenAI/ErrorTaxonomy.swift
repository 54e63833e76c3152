package import SluiceWire

/// What a provider's error answer means for the call and for everybody else in its pool.
package struct ProviderVerdict: Sendable, Equatable {
    /// What may be done about it.
    package enum Remedy: Sendable, Equatable {
        /// The call itself is wrong: the same call fails again.
        case none
        /// A passing fault: another attempt may succeed.
        case retry
        /// The quota is spent for now: the whole pool waits.
        case waitForQuota
        /// The rate has grown too fast: the whole pool goes back to what it was and grows slowly.
        case slowDown
        /// The key is refused or its account is spent: only another key can serve the call.
        case otherKey
    }

    package var code: ErrorCode
    package var remedy: Remedy
    /// The provider's `error.code` or `error.type`, for people; bounded and without free text.
    package var reason: String?

    /// Judges an answer outside 2xx, by `error.code` before the status.
    package static func judge(status: Int, body: [UInt8]) -> ProviderVerdict {
        let error = ProviderError.read(body)
        let (code, remedy) = byCode(error) ?? byStatus(status)
        return ProviderVerdict(code: code, remedy: remedy, reason: error.code ?? error.type)
    }

    /// What code or type tell on their own; a code nobody knows leaves it to the type.
    fileprivate static func byCode(_ error: ProviderError) -> (ErrorCode, Remedy)? {
        byName(error.code) ?? byName(error.type)
    }

    private static func byName(_ name: String?) -> (ErrorCode, Remedy)? {
        switch name {
        case "insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "spend_limit_exceeded":
            (.providerQuotaExhausted, .otherKey)
        case "rate_limit_exceeded", "tokens", "requests": (.providerRateLimited, .waitForQuota)
        case "slow_down": (.providerOverloaded, .slowDown)
        case "server_is_overloaded", "overloaded": (.providerOverloaded, .retry)
        case "invalid_api_key", "account_deactivated", "invalid_organization": (.providerAuthFailed, .otherKey)
        case "context_length_exceeded", "model_not_found", "string_above_max_length":
            (.providerInvalidRequest, .none)
        default: nil
        }
    }

    private static func byStatus(_ status: Int) -> (ErrorCode, Remedy) {
        switch status {
        case 401, 403: (.providerAuthFailed, .otherKey)
        case 429: (.providerRateLimited, .waitForQuota)
        case 408, 409: (.providerServerError, .retry)
        case 503, 529: (.providerOverloaded, .retry)
        case 500...599: (.providerServerError, .retry)
        case 400...499: (.providerInvalidRequest, .none)
        default: (.providerBadResponse, .none)
        }
    }
}

/// The `error` object of OpenAI's error bodies: `{"error":{"message","type","param","code"}}`.
package struct ProviderError: Sendable, Equatable {
    package var type: String?
    package var code: String?
    /// The object itself, where the body had one of at most ``objectSize`` bytes.
    package var object: [UInt8]?

    /// The largest error object that is kept, in bytes: it is spliced into a frame, whose size is bounded.
    package static let objectSize = 64 * 1024

    /// Reads a body that may be anything; what is not there is nil.
    package static func read(_ body: [UInt8]) -> ProviderError {
        let bytes = body.span.bytes
        guard let top = try? JSONObjectSlice.read(bytes), let value = top.value("error", in: bytes),
            let members = JSONObjectSlice.read(value, in: bytes)
        else { return ProviderError() }
        return ProviderError(
            type: label(members.value("type", in: bytes), in: bytes),
            code: label(members.value("code", in: bytes), in: bytes),
            object: value.range.count <= objectSize ? bytes.copy(value.range) : nil)
    }

    /// The object to show to the caller. An authentication error quotes part of the key in its message, so of that
    /// only type and code are shown, whatever its status; so it is with an object that was too large to keep.
    package func shown(status: Int) -> [UInt8]? {
        let quotesKey = status == 401 || status == 403 || ProviderVerdict.byCode(self)?.0 == .providerAuthFailed
        if !quotesKey, let object { return object }
        guard type != nil || code != nil else { return nil }
        let fields = [("type", type), ("code", code)].compactMap { key, value in value.map { "\"\(key)\":\"\($0)\"" } }
        return Array("{\(fields.joined(separator: ","))}".utf8)
    }

    /// Codes and types are identifiers; anything else is not repeated.
    private static func label(_ value: JSONValue?, in bytes: RawSpan) -> String? {
        guard let value, value.kind == .string, value.range.count <= 66 else { return nil }
        guard let text = JSONText.string(value, in: bytes), !text.isEmpty else { return nil }
        let plain = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        return plain ? text : nil
    }
}
