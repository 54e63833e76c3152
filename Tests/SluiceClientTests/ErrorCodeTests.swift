import SluiceClient
import SluiceWire
import Testing

@Suite("Error codes")
struct ErrorCodeTests {
    @Test("every code of the protocol has a constant here, and its family", arguments: ErrorCode.allCases)
    func constants(_ code: ErrorCode) {
        let constant = Self.constant(code)
        #expect(constant.rawValue == code.rawValue)
        #expect(code.rawValue.hasPrefix(constant.family.rawValue))
    }

    @Test("a code from a newer agent is kept and belongs to its family")
    func newer() {
        #expect(SluiceError.Code(rawValue: "policy_new_thing").family == .policy)
        #expect(SluiceError.Code(rawValue: "odd").family == .internal)
        #expect(SluiceError.Code.clientUnreachable.family == .client)
    }

    private static func constant(_ code: ErrorCode) -> SluiceError.Code {
        switch code {
        case .callerInvalidFrame: .callerInvalidFrame
        case .callerFrameTooLarge: .callerFrameTooLarge
        case .callerInvalidUTF8: .callerInvalidUTF8
        case .callerInvalidJSON: .callerInvalidJSON
        case .callerNestingTooDeep: .callerNestingTooDeep
        case .callerInvalidField: .callerInvalidField
        case .callerHelloRequired: .callerHelloRequired
        case .callerDuplicateHello: .callerDuplicateHello
        case .callerUnsupportedProto: .callerUnsupportedProto
        case .callerUnknownOp: .callerUnknownOp
        case .callerDuplicateID: .callerDuplicateID
        case .callerTooManyInflight: .callerTooManyInflight
        case .callerTooManyConnections: .callerTooManyConnections
        case .callerSlowConsumer: .callerSlowConsumer
        case .callerCancelled: .callerCancelled
        case .callerDisconnected: .callerDisconnected
        case .policyEndpointNotAllowed: .policyEndpointNotAllowed
        case .policyLaneNotAllowed: .policyLaneNotAllowed
        case .policyQueueFull: .policyQueueFull
        case .policyDeadlineExceeded: .policyDeadlineExceeded
        case .policyDeadlineUnmeetable: .policyDeadlineUnmeetable
        case .policyOverloaded: .policyOverloaded
        case .policyCircuitOpen: .policyCircuitOpen
        case .policyExceedsLimit: .policyExceedsLimit
        case .policyNoCredentials: .policyNoCredentials
        case .policyDraining: .policyDraining
        case .providerRateLimited: .providerRateLimited
        case .providerQuotaExhausted: .providerQuotaExhausted
        case .providerAuthFailed: .providerAuthFailed
        case .providerInvalidRequest: .providerInvalidRequest
        case .providerServerError: .providerServerError
        case .providerOverloaded: .providerOverloaded
        case .providerTimeout: .providerTimeout
        case .providerUnreachable: .providerUnreachable
        case .providerConnectionLost: .providerConnectionLost
        case .providerBadResponse: .providerBadResponse
        case .providerResponseTooLarge: .providerResponseTooLarge
        case .providerStreamError: .providerStreamError
        case .internal: .internal
        }
    }
}
