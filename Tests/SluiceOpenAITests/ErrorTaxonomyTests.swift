@testable import SluiceOpenAI
import SluiceWire
import Testing

@Suite("Error taxonomy")
struct ErrorTaxonomyTests {
    typealias Remedy = ProviderVerdict.Remedy

    @Test(
        "judges by code before status",
        arguments: [
            ("insufficient_quota", 429, .providerQuotaExhausted, .otherKey),
            ("billing_hard_limit_reached", 400, .providerQuotaExhausted, .otherKey),
            ("billing_not_active", 429, .providerQuotaExhausted, .otherKey),
            ("spend_limit_exceeded", 429, .providerQuotaExhausted, .otherKey),
            ("rate_limit_exceeded", 429, .providerRateLimited, .waitForQuota),
            ("tokens", 429, .providerRateLimited, .waitForQuota),
            ("requests", 429, .providerRateLimited, .waitForQuota),
            ("slow_down", 503, .providerOverloaded, .slowDown),
            ("server_is_overloaded", 503, .providerOverloaded, .retry),
            ("overloaded", 500, .providerOverloaded, .retry), ("invalid_api_key", 401, .providerAuthFailed, .otherKey),
            ("invalid_api_key", 500, .providerAuthFailed, .otherKey),
            ("account_deactivated", 403, .providerAuthFailed, .otherKey),
            ("invalid_organization", 401, .providerAuthFailed, .otherKey),
            ("context_length_exceeded", 400, .providerInvalidRequest, .none),
            ("model_not_found", 404, .providerInvalidRequest, .none),
            ("string_above_max_length", 400, .providerInvalidRequest, .none),
        ] as [(String, Int, ErrorCode, Remedy)])
    func codes(_ name: String, _ status: Int, _ code: ErrorCode, _ remedy: Remedy) {
        let verdict = ProviderVerdict(code: code, remedy: remedy, reason: name)
        #expect(
            judge(status, #"{"error":{"message":"m","type":"some_error","param":null,"code":"\#(name)"}}"#) == verdict)
        #expect(judge(status, #"{"error":{"message":"m","type":"\#(name)","param":null,"code":null}}"#) == verdict)
        #expect(judge(status, #"{"error":{"type":"\#(name)","code":"x"}}"#).code == code, "known type, unknown code")
    }

    @Test(
        "judges by status where the body says nothing",
        arguments: [
            (400, .providerInvalidRequest, .none), (401, .providerAuthFailed, .otherKey),
            (403, .providerAuthFailed, .otherKey),
            (404, .providerInvalidRequest, .none), (408, .providerServerError, .retry),
            (409, .providerServerError, .retry), (413, .providerInvalidRequest, .none),
            (422, .providerInvalidRequest, .none), (429, .providerRateLimited, .waitForQuota),
            (500, .providerServerError, .retry), (502, .providerServerError, .retry),
            (503, .providerOverloaded, .retry),
            (504, .providerServerError, .retry), (529, .providerOverloaded, .retry),
            (599, .providerServerError, .retry),
            (302, .providerBadResponse, .none), (100, .providerBadResponse, .none), (600, .providerBadResponse, .none),
            (0, .providerBadResponse, .none), (-1, .providerBadResponse, .none),
        ] as [(Int, ErrorCode, Remedy)])
    func statuses(_ status: Int, _ code: ErrorCode, _ remedy: Remedy) {
        for body in ["", "<html>", "{}", "[]", #"{"error":"text"}"#, #"{"error":null}"#, #"{"error":{"code":429}}"#] {
            #expect(judge(status, body) == ProviderVerdict(code: code, remedy: remedy), "\(body)")
        }
    }

    @Test(
        "free text never becomes a reason",
        arguments: [
            "Incorrect API key provided: sk-abc", "a b", "", "é", "x\\\"y", String(repeating: "a", count: 65),
            "a\\u0000",
            "<script>", "a/b",
        ])
    func reasons(_ text: String) {
        #expect(judge(400, #"{"error":{"code":"\#(text)","type":"\#(text)"}}"#).reason == nil)
    }

    @Test("an error object is shown untouched")
    func shown() {
        let object = #"{ "message":"too \u0041 long","code":"context_length_exceeded","x":1e400}"#
        let error = ProviderError.read(Array(#"{"error": \#(object) }"#.utf8))
        #expect(text(error.shown(status: 400)) == object)
        #expect(error.code == "context_length_exceeded")
    }

    @Test("an authentication error shows type and code only", arguments: [401, 403])
    func hidden(_ status: Int) {
        let body = #"{"error":{"message":"Incorrect key sk-SECRET","type":"t","param":"sk-SECRET","code":"c"}}"#
        #expect(text(ProviderError.read(Array(body.utf8)).shown(status: status)) == #"{"type":"t","code":"c"}"#)
        let bare = #"{"error":{"message":"Incorrect key sk-SECRET","code":7}}"#
        #expect(ProviderError.read(Array(bare.utf8)).shown(status: status) == nil)
        let odd = #"{"error":{"type":"key sk-SECRET","code":"c"}}"#
        #expect(text(ProviderError.read(Array(odd.utf8)).shown(status: status)) == #"{"code":"c"}"#)
    }

    @Test("a bad key hides its message whatever the status", arguments: [400, 404, 500])
    func hiddenByCode(_ status: Int) {
        let body = #"{"error":{"message":"Incorrect key sk-SECRET","type":"t","code":"invalid_api_key"}}"#
        let shown = text(ProviderError.read(Array(body.utf8)).shown(status: status))
        #expect(shown == #"{"type":"t","code":"invalid_api_key"}"#)
    }

    /// It is spliced into a frame, whose size is bounded.
    @Test("an endless error object is reduced to type and code")
    func endless() {
        let message = String(repeating: "m", count: ProviderError.objectSize)
        let body = #"{"error":{"message":"\#(message)","type":"t","code":"c"}}"#
        #expect(text(ProviderError.read(Array(body.utf8)).shown(status: 400)) == #"{"type":"t","code":"c"}"#)
    }

    private func judge(_ status: Int, _ body: String) -> ProviderVerdict {
        ProviderVerdict.judge(status: status, body: Array(body.utf8))
    }

    private func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
}
