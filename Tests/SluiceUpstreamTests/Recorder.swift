import SluiceUpstream
import Synchronization

/// What the engine reported on one token.
struct Outcome: Sendable {
    var head: UpstreamHead?
    var pieces: [[UInt8]] = []
    var ends: [UpstreamEnd] = []

    var data: [UInt8] { pieces.reduce(into: []) { $0.append(contentsOf: $1) } }
    var dataCount: Int { pieces.reduce(0) { $0 + $1.count } }
    var end: UpstreamEnd? { ends.first }
    var failure: UpstreamFailure? { ends.first?.failure }
    var body: String { String(decoding: ends.first?.body ?? [], as: UTF8.self) }
}

/// Receives the engine's events and lets tests wait for a state of affairs instead of a moment.
final class Recorder: Sendable {
    private struct Waiter {
        let token: UInt64
        let condition: @Sendable (Outcome) -> Bool
        let continuation: CheckedContinuation<Outcome, Never>
    }

    private struct State {
        var outcomes: [UInt64: Outcome] = [:]
        var waiters: [Waiter] = []
    }

    private let state = Mutex(State())

    func receive(_ events: [UpstreamEvent]) {
        let fulfilled = state.withLock { state in
            for event in events { Self.note(event, &state.outcomes) }
            let outcomes = state.outcomes
            let ready = state.waiters.filter { $0.condition(outcomes[$0.token] ?? Outcome()) }
            state.waiters.removeAll { $0.condition(outcomes[$0.token] ?? Outcome()) }
            return ready.map { ($0.continuation, outcomes[$0.token] ?? Outcome()) }
        }
        for (continuation, outcome) in fulfilled { continuation.resume(returning: outcome) }
    }

    func wait(_ token: UInt64, until condition: @escaping @Sendable (Outcome) -> Bool) async -> Outcome {
        await withCheckedContinuation { continuation in
            let now = state.withLock { state in
                let outcome = state.outcomes[token] ?? Outcome()
                if condition(outcome) { return Optional(outcome) }
                state.waiters.append(Waiter(token: token, condition: condition, continuation: continuation))
                return nil
            }
            if let now { continuation.resume(returning: now) }
        }
    }

    func end(_ token: UInt64) async -> Outcome {
        await wait(token) { !$0.ends.isEmpty }
    }

    var outcomes: [UInt64: Outcome] { state.withLock { $0.outcomes } }

    private static func note(_ event: UpstreamEvent, _ outcomes: inout [UInt64: Outcome]) {
        switch event {
        case .head(let token, let head): outcomes[token, default: Outcome()].head = head
        case .data(let token, let bytes): outcomes[token, default: Outcome()].pieces.append(bytes)
        case .end(let token, let end): outcomes[token, default: Outcome()].ends.append(end)
        }
    }
}

/// An engine with its recorder.
struct Rig {
    let recorder: Recorder
    let engine: UpstreamEngine

    init(limits: UpstreamLimits = UpstreamLimits()) throws {
        let recorder = Recorder()
        self.recorder = recorder
        self.engine = try UpstreamEngine(limits: limits) { recorder.receive($0) }
    }

    /// Submits and waits for the end.
    func run(_ request: UpstreamRequest) async -> Outcome {
        guard engine.submit(request) else { return Outcome() }
        return await recorder.end(request.token)
    }

    /// Returns when everything asked of the engine before has been done.
    func settle() async {
        await withCheckedContinuation { continuation in
            if !engine.beat({ continuation.resume() }) { continuation.resume() }
        }
    }
}

extension UpstreamRequest {
    static func post(
        _ token: UInt64, _ profile: UpstreamProfile, _ path: String = "/echo", _ body: String = "{}",
        streaming: Bool = false
    ) -> UpstreamRequest {
        UpstreamRequest(
            token: token, profile: profile, method: .post, path: path, body: RequestBody(Array(body.utf8)),
            streaming: streaming)
    }

    static func get(_ token: UInt64, _ profile: UpstreamProfile, _ path: String) -> UpstreamRequest {
        UpstreamRequest(token: token, profile: profile, method: .get, path: path)
    }

    func with(_ change: (inout UpstreamRequest) -> Void) -> UpstreamRequest {
        var copy = self
        change(&copy)
        return copy
    }
}
