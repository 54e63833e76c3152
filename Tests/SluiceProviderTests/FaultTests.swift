import Testing

@testable import SluiceProvider

@Suite("Faults of the stand-in")
struct FaultTests {
    @Test("a model's name is split from its directive")
    func split() {
        #expect(Directive.split(model: "gpt-4o") == ("gpt-4o", nil))
        #expect(Directive.split(model: "gpt-4o:fault=429,after=2") == ("gpt-4o", "fault=429,after=2"))
        #expect(Directive.split(model: "ft:gpt-4o:org::id") == ("ft:gpt-4o:org::id", nil))
        #expect(Directive.split(model: "ft:gpt-4o:org::id:fault=500") == ("ft:gpt-4o:org::id", "fault=500"))
    }

    @Test("every word names a fault, in both forms", arguments: Fault.Kind.words.keys.sorted() + ["400", "599"])
    func words(word: String) throws {
        let bare = try Directive(word)
        let pair = try Directive("fault=\(word)")
        #expect(bare == pair)
        #expect(bare.fault?.name == word)
    }

    @Test("a directive sets fault and tuning")
    func directive() throws {
        let directive = try Directive("fault=429,retry-after-ms=50,times=2,ttft-ms=5,output-tokens=7,cached-tokens=3")
        #expect(directive.fault?.retryAfterMS == "50")
        #expect(directive.fault?.times == 2)
        #expect(directive.firstTokenMS == 5)
        #expect(directive.outputTokens == 7)
        #expect(directive.cachedTokens == 3)
    }

    @Test(
        "nonsense is refused",
        arguments: [
            "nope", "fault=nope", "399", "600", "429,after=x", "429,nope=1", "after=2", "429,hang", "429,after=-1",
            "429,retry-after=é", "429,retry-after=a\r\nb", String(repeating: "a", count: 300),
        ])
    func nonsense(text: String) {
        #expect(throws: APIError.self) { try Directive(text) }
    }

    @Test("retry headers come in every form")
    func retryHeaders() throws {
        let fault = try #require(
            try Directive("429,retry-after-ms=7,retry-after-date=60,should-retry=false").fault)
        #expect(
            fault.apiError(unixSeconds: 784_111_717)?.headers == [
                .init(name: "retry-after-ms", value: "7"),
                .init(name: "retry-after", value: "Sun, 06 Nov 1994 08:49:37 GMT"),
                .init(name: "x-should-retry", value: "false"),
            ])
    }

    private func rule(_ json: String) throws -> FaultRule {
        try #require(try FaultScript(json: Array("{\"rules\":[\(json)]}".utf8)).rules.first)
    }

    @Test("rules match path and model")
    func matching() throws {
        let rule = try rule(#"{"path":"/v1/responses","model":"gpt-4o*","fault":"500"}"#)
        #expect(rule.matches(path: "/v1/responses", model: "gpt-4o-mini"))
        #expect(!rule.matches(path: "/v1/responses", model: "gpt-4.1"))
        #expect(!rule.matches(path: "/v1/embeddings", model: "gpt-4o"))
        #expect(!rule.matches(path: "/v1/responses", model: nil))
    }

    @Test("rules count calls, keep windows and draw")
    func striking() throws {
        let counted = try rule(#"{"from_call":2,"to_call":6,"every":2,"fault":"500"}"#)
        #expect((1...8).filter { counted.strikes(ordinal: $0, uptimeMS: 0, draw: 0) } == [2, 4, 6])
        let timed = try rule(#"{"from_ms":10,"to_ms":20,"period_ms":100,"fault":"500"}"#)
        let struck = [9, 10, 19, 20, 115, 125].filter { timed.strikes(ordinal: 1, uptimeMS: $0, draw: 0) }
        #expect(struck == [10, 19, 115])
        let drawn = try rule(#"{"probability":0.25,"fault":"500"}"#)
        #expect(drawn.strikes(ordinal: 1, uptimeMS: 0, draw: 0.2))
        #expect(!drawn.strikes(ordinal: 1, uptimeMS: 0, draw: 0.25))
        let never = try rule(#"{"probability":0,"fault":"500"}"#)
        #expect(!never.strikes(ordinal: 1, uptimeMS: 0, draw: 0))
    }

    @Test(
        "a script says what is wrong with it",
        arguments: [
            ("[]", "the script"), ("{", "Not JSON"), (#"{"rules":[{}]}"#, "rules[0].fault"),
            (#"{"rules":[{"fault":"500","modle":"x"}]}"#, "rules[0].modle"),
            (#"{"rules":[{"fault":"500","probability":2}]}"#, "rules[0].probability"),
            (#"{"rules":[{"fault":"5000"}]}"#, "no fault '5000'"),
        ])
    func badScript(json: String, part: String) {
        let error = #expect(throws: FaultScriptError.self) { try FaultScript(json: Array(json.utf8)) }
        #expect(error?.message.contains(part) == true)
    }
}
