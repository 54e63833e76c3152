import SluiceClient
import Synchronization

/// A door that is opened once, from anywhere; who waits before that waits.
struct Gate: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream<Void>.makeStream() }

    func open() { continuation.finish() }

    func wait() async { for await _ in stream {} }
}

/// What one call delivered to the program.
struct VectorOutcome: Sendable {
    var chunks: [[UInt8]] = []
    var answer: Answer?
    var end: StreamEnd?
    var error: SluiceError?
    /// Anything thrown that is not the client's own error.
    var surprise: String?
}

/// The program's side of one call of a vector.
final class VectorCall: Sendable {
    let spec: VectorJSON
    let consume = Gate()
    let cancelled = Gate()
    private let stopAfter: Int?
    private let progressed = Mutex<[String]>([])
    private let task = Mutex<Task<VectorOutcome, Never>?>(nil)

    init(_ spec: VectorJSON, stopAfter: Int?) {
        self.spec = spec
        self.stopAfter = stopAfter
        if spec["hold"] == nil { consume.open() }
    }

    var progress: [String] { progressed.withLock { $0 } }

    func start(with client: SluiceClient) {
        let running = Task { await self.run(client) }
        task.withLock { $0 = running }
    }

    func cancel() {
        if spec["stream"] != nil { cancelled.open() } else { task.withLock { $0?.cancel() } }
    }

    func outcome() async -> VectorOutcome { await task.withLock { $0 }?.value ?? VectorOutcome() }

    private func run(_ client: SluiceClient) async -> VectorOutcome {
        var outcome = VectorOutcome()
        do {
            let path = spec["path"]?.string ?? ""
            let body = spec["body"].map { Array($0.text.utf8) }
            if spec["stream"] != nil {
                try await consume(client.stream(path, json: body ?? [], options: options()), into: &outcome)
            } else {
                outcome.answer = try await client.call(path, json: body, options: options())
            }
        } catch let error as SluiceError {
            outcome.error = error
        } catch {
            outcome.surprise = "\(error)"
        }
        return outcome
    }

    private func consume(_ stream: AnswerStream, into outcome: inout VectorOutcome) async throws {
        await consume.wait()
        defer { outcome.end = stream.end }
        for try await chunk in stream {
            outcome.chunks.append(chunk)
            guard outcome.chunks.count == stopAfter else { continue }
            await cancelled.wait()
            stream.cancel()
        }
    }

    private func options() -> CallOptions {
        var options = CallOptions(tenant: spec["tenant"]?.string, feature: spec["feature"]?.string)
        if let lane = spec["lane"]?.string.flatMap(CallOptions.Lane.init(rawValue:)) { options.lane = lane }
        options.deadline = spec["deadline_ms"]?.integer.map { .milliseconds($0) }
        guard spec["progress"] != nil else { return options }
        options.onProgress = { progress in
            let name =
                switch progress {
                case .queued: "queued"
                case .started: "started"
                case .retrying: "retrying"
                }
            self.progressed.withLock { $0.append(name) }
        }
        return options
    }
}

// MARK: - Verdicts

extension VectorCall {
    /// What differs from what the vector expects; empty when nothing does.
    func problems(of outcome: VectorOutcome) -> [String] {
        guard let expected = spec["expect"] else { return ["the vector expects nothing"] }
        if let surprise = outcome.surprise { return ["threw \(surprise)"] }
        if expected["cancelled"] != nil {
            let isEnd = outcome.error?.code == .callerCancelled || outcome.end?.finish == .complete
            return isEnd ? [] : ["cancelled, and got \(outcome)"]
        }
        var problems: [String] = []
        let chunks = (expected["chunks"]?.elements ?? []).map { Array($0.text.utf8) }
        if outcome.chunks != chunks { problems.append("\(outcome.chunks.count) chunks, or other ones") }
        if let names = expected["progress"], progress != names.elements.compactMap(\.string) {
            problems.append("progress \(progress)")
        }
        return problems + ending(outcome, expected)
    }

    private func ending(_ outcome: VectorOutcome, _ expected: VectorJSON) -> [String] {
        if let result = expected["result"] {
            guard let answer = outcome.answer else { return ["no answer, but \(outcome)"] }
            var problems = differences(answer.facts.json(status: answer.status), result)
            if answer.body != Array((result["body"]?.text ?? "").utf8) { problems.append("another body") }
            return problems
        }
        if let end = expected["end"] {
            guard let got = outcome.end else { return ["no end, but \(outcome)"] }
            // A stream's status is the one fact that this client does not keep: a stream that began is a 200.
            let facts = got.facts.json(status: 200).merging(["finish": .string(got.finish.rawValue)]) { $1 }
            return differences(facts, end) + partly(outcome.error, end["error"])
        }
        if let error = expected["error"] {
            guard let got = outcome.error else { return ["no error, but \(outcome)"] }
            return got.json == error.members ? [] : ["error \(got.json)"]
        }
        let kind = expected["lost"] ?? expected["violation"] ?? expected["unreachable"]
        guard let got = outcome.error, got.family == .client else { return ["no loss, but \(outcome)"] }
        if expected["unreachable"] != nil, got.code != .clientUnreachable { return ["\(got)"] }
        if expected["violation"] != nil, got.code != .clientProtocolViolation { return ["\(got)"] }
        return got.json["charged"] == kind?["charged"] ? [] : ["charged \(got.charged): \(got)"]
    }

    private func differences(_ got: [String: VectorJSON], _ expected: VectorJSON) -> [String] {
        let wanted = expected.members.filter { $0.key != "body" && $0.key != "error" }
        return got == wanted ? [] : ["facts \(got)"]
    }

    private func partly(_ error: SluiceError?, _ expected: VectorJSON?) -> [String] {
        guard let expected else { return error.map { ["threw \($0)"] } ?? [] }
        guard let error else { return ["threw nothing"] }
        return expected.matches(.object(error.json)) ? [] : ["threw \(error.json)"]
    }
}

extension SluiceError {
    /// The error as the protocol writes it, without the fields it does not have.
    fileprivate var json: [String: VectorJSON] {
        var json: [String: VectorJSON] = [
            "code": .string(code.rawValue), "message": .string(message), "retryable": .bool(retryable),
            "attempts": .integer(attempts), "charged": .string(charged.rawValue),
        ]
        json["retry_after_ms"] = retryAfter.map { .integer($0.milliseconds) }
        json["limit"] = limit.map { .string($0) }
        json["field"] = field.map { .string($0) }
        json["status"] = status.map { .integer($0) }
        json["upstream"] = upstream.map { (try? VectorJSON(parsing: $0)) ?? .string("not JSON") }
        return json
    }
}

extension Answer.Facts {
    fileprivate func json(status: Int) -> [String: VectorJSON] {
        var json: [String: VectorJSON] = [
            "status": .integer(status), "charged": .string(charged.rawValue), "attempts": .integer(attempts),
            "timing": .object([
                "queued_ms": .integer(timing.queued.milliseconds),
                "upstream_ms": .integer(timing.upstream.milliseconds),
                "total_ms": .integer(timing.total.milliseconds),
            ]),
        ]
        json["upstream_request_id"] = requestID.map { .string($0) }
        json["model"] = model.map { .string($0) }
        json["fallback"] = fallback.map {
            .object(["from": .string($0.from), "to": .string($0.to), "reason": .string($0.reason)])
        }
        guard let usage else { return json }
        var tokens: [String: VectorJSON] = [
            "input_tokens": .integer(usage.inputTokens), "output_tokens": .integer(usage.outputTokens),
        ]
        tokens["cached_tokens"] = usage.cachedTokens.map { .integer($0) }
        tokens["reasoning_tokens"] = usage.reasoningTokens.map { .integer($0) }
        json["usage"] = .object(tokens)
        return json
    }
}

extension Duration {
    fileprivate var milliseconds: Int { Int(self / .milliseconds(1)) }
}
