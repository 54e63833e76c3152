import Testing

@testable import SluiceProvider

@Suite("Plans: latency and determinism, without a socket")
struct PlanTests {
    private func plan(
        _ body: String, path: String = "/v1/chat/completions",
        _ adjust: (inout ProviderConfiguration) -> Void = { _ in }
    ) -> Plan {
        var configuration = ProviderConfiguration()
        adjust(&configuration)
        let request = IncomingRequest(
            method: "POST", path: path, authorization: "Bearer k", body: Array(body.utf8))
        return StandIn(configuration, nowNS: 0).plan(request, nowNS: 1, unixSeconds: 1)
    }

    private func waits(_ plan: Plan) -> [Int] {
        plan.steps.compactMap { if case .wait(let nanoseconds) = $0 { nanoseconds } else { nil } }
    }

    private func bytes(_ plan: Plan) -> String {
        let all = plan.steps.flatMap { step -> [UInt8] in if case .bytes(let bytes) = step { bytes } else { [] } }
        return String(decoding: all, as: UTF8.self)
    }

    @Test("a plain answer waits for first token and the rest, once")
    func plainLatency() {
        let plan = plan(RawClient.chat(#","max_tokens":11"#)) {
            $0.latency = LatencyModel(firstTokenMS: 100, tokensPerSecond: 10)
        }
        #expect(waits(plan) == [1_100_000_000])
        #expect(plan.steps.first == .wait(nanoseconds: 1_100_000_000))
    }

    @Test("a stream waits before the head, then between tokens")
    func streamLatency() {
        let plan = plan(RawClient.chat(#","max_tokens":4,"stream":true"#)) {
            $0.latency = LatencyModel(firstTokenMS: 100, tokensPerSecond: 10)
        }
        #expect(plan.isStream)
        #expect(waits(plan) == [100_000_000, 100_000_000, 100_000_000, 100_000_000])
        #expect(plan.steps[1].isHead)
        #expect(plan.steps.last == .end)
    }

    @Test("a model's suffix tunes one call")
    func suffix() {
        let plan = plan(RawClient.chat(model: "gpt-4o:ttft-ms=7,output-tokens=3,cached-tokens=2,reasoning-tokens=5"))
        #expect(waits(plan) == [7_000_000])
        #expect(bytes(plan).contains(#""completion_tokens":8"#))
        #expect(bytes(plan).contains(#""cached_tokens":2"#))
        #expect(bytes(plan).contains(#""reasoning_tokens":5"#))
        #expect(bytes(plan).contains(#""model":"gpt-4o""#))
        #expect(plan.label == CallLabel(path: "/v1/chat/completions", model: "gpt-4o", status: 200))
    }

    @Test("the same seed makes the same bytes, another seed others")
    func determinism() {
        let body = RawClient.chat(#","stream":true,"n":2"#)
        #expect(plan(body).steps == plan(body).steps)
        #expect(bytes(plan(body)) != bytes(plan(body) { $0.seed = 2 }))
    }

    @Test("answers differ in length as asked for, and a prompt's is always the same")
    func lengths() {
        func length(_ prompt: String, sigma: Double, model: String = "gpt-4o") -> Int {
            let body = #"{"model":"\#(model)","messages":[{"role":"user","content":"\#(prompt)"}]}"#
            let text = bytes(plan(body) { ($0.outputTokens, $0.outputSigma) = (100, sigma) })
            let rest = text.split(separator: #""completion_tokens":"#).last ?? ""
            return Int(rest.prefix { $0.isNumber }) ?? 0
        }
        let drawn = (0..<400).map { length("\($0)", sigma: 0.5) }.sorted()
        #expect((90...110).contains(drawn[200]))
        #expect((180...290).contains(drawn[380]), "exp(0.5 · 1.645) is 2.28")
        #expect(length("7", sigma: 0.5) == length("7", sigma: 0.5))
        #expect(length("7", sigma: 0) == 100)
        #expect(length("7", sigma: 0.5, model: "gpt-4o:output-tokens=9") == 9)
    }

    @Test("admitted tokens are the prompt and the asked-for most output; refused ones are not")
    func admittedTokens() {
        var configuration = ProviderConfiguration()
        configuration.limits = RateLimits(tokensPerMinute: 25)
        let standIn = StandIn(configuration, nowNS: 0)
        let body = Array(RawClient.chat(#","max_tokens":11"#).utf8)
        let request = IncomingRequest(
            method: "POST", path: "/v1/chat/completions", authorization: "Bearer k", body: body)
        let statuses = (0..<2).map { _ in standIn.plan(request, nowNS: 1, unixSeconds: 1).label.status }
        #expect(statuses == [200, 429])
        #expect(standIn.recording { $0.snapshot.admittedTokens } == 4 + 11)
    }

    @Test("snapshots and fine-tunes are taken for their model", arguments: ["gpt-4o-2024-08-06", "ft:gpt-4o:org::x1"])
    func snapshots(model: String) {
        let plan = plan(RawClient.chat(model: model))
        #expect(plan.label == CallLabel(path: "/v1/chat/completions", model: "gpt-4o", status: 200))
        #expect(bytes(plan).contains("\"model\":\"\(model)\""))
        #expect(self.plan(RawClient.chat(model: "gpt-4o-2024-08-0x")).label.status == 404)
    }

    @Test("a Responses stream is numbered and ends as it should")
    func responses() throws {
        func kinds(_ body: String) throws -> [String] {
            let text = bytes(plan(body, path: "/v1/responses"))
            let events = text.split(separator: "\n").filter { $0.hasPrefix("data: ") }
            return try events.enumerated().map { index, line in
                let event = try JSONParser.parse(Array(line.dropFirst(6).utf8)).objectValue
                #expect(event?["sequence_number"] == .int(index))
                return event?["type"]?.stringValue ?? ""
            }
        }
        let whole = try kinds(#"{"model":"gpt-4o","input":"x","stream":true}"#)
        #expect(whole.first == "response.created")
        #expect(whole.last == "response.completed")
        let cut = try kinds(#"{"model":"gpt-4o","input":"x","stream":true,"max_output_tokens":2}"#)
        #expect(cut.last == "response.incomplete")
        let failed = try kinds(#"{"model":"gpt-4o:fault=response-failed","input":"x","stream":true}"#)
        #expect(failed == ["response.created", "response.in_progress", "response.failed"])
    }

    @Test("the tokens of all choices together are bounded")
    func choiceBound() {
        let plan = plan(RawClient.chat(#","stream":true,"n":128"#, model: "gpt-4o:output-tokens=1000000"))
        let frames = plan.steps.count { if case .bytes = $0 { true } else { false } }
        #expect(frames == 128 * (Composer.maxTokensOfAllChoices / 128 + 2) + 1)
    }

    @Test("statistics stay bounded")
    func bounds() {
        var recorder = StatsRecorder()
        for number in 0..<5000 {
            recorder.planned(Plan(steps: [], label: CallLabel(path: "p\(number)", model: "", status: 200)))
            recorder.began(isStream: false)
            recorder.ended(
                isStream: false,
                departure: .init(path: "", model: "", wasMidAnswer: false, afterNS: 0, monotonicNS: UInt64(number)))
        }
        #expect(recorder.snapshot.rows.count == ProviderStats.maxRows + 1)
        #expect(recorder.snapshot.rows.reduce(0) { $0 + $1.count } == 5000)
        #expect(recorder.snapshot.departures.count == ProviderStats.maxDepartures)
        #expect(recorder.snapshot.departures.last?.monotonicNS == 4999)
        #expect(recorder.snapshot.clientsLeft == 5000)
    }
}
