internal import SluiceWire
internal import Synchronization

/// How a call ended, well or badly.
enum Ending: Sendable {
    case answer(Answer)
    /// A stream's end; the error says why it is not complete.
    case stream(StreamEnd, SluiceError?)
    case failure(SluiceError)
}

/// One call in flight: what has arrived for it and who waits for more.
///
/// Chunks are buffered here, at most the agent's stream credit and one frame: credit is granted back only for what
/// the consumer has taken, so a slow consumer stops its own stream at the provider.
final class Exchange: Sendable {
    /// What a consumer gets next.
    enum Step: Sendable {
        case chunk([UInt8])
        case ended(Ending)
    }

    fileprivate struct State {
        var chunks: [[UInt8]] = []
        var nextChunk = 0
        var buffered = 0
        /// Bytes taken by the consumer and not yet granted back.
        var ungranted = 0
        var ending: Ending?
        var isCancelled = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    let id: String
    /// Is told of progress, on the event loop.
    let onProgress: (@Sendable (CallOptions.Progress) -> Void)?
    private let connection: Connection
    private let state = Mutex(State())

    init(id: String, connection: Connection, onProgress: (@Sendable (CallOptions.Progress) -> Void)?) {
        self.id = id
        self.connection = connection
        self.onProgress = onProgress
    }

    /// The next chunk, or the ending, once and again. A task that is cancelled while it waits asks the agent to
    /// cancel the call, and goes on waiting for the ending that the agent owes it.
    func next() async -> Step {
        await withTaskCancellationHandler {
            while true {
                if let step = take() { return step }
                await arrival()
            }
        } onCancel: {
            cancel()
        }
    }

    /// Asks the agent to cancel, once; what is buffered and what still arrives is dropped.
    func cancel() {
        let isFirst = state.withLock { state in
            guard state.ending == nil, !state.isCancelled else { return false }
            state.isCancelled = true
            state.dropChunks()
            return true
        }
        if isFirst { connection.cancel(self) }
    }
}

// MARK: - The consumer's side

extension Exchange {
    private func take() -> Step? {
        let (step, grant) = state.withLock { state -> (Step?, Int) in
            guard let chunk = state.popChunk() else { return (state.ending.map(Step.ended), 0) }
            return (.chunk(chunk), state.takeGrant(atLeast: connection.grantThreshold))
        }
        if grant > 0 { connection.grant(grant, to: self) }
        return step
    }

    private func arrival() async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.ending != nil || state.nextChunk < state.chunks.count { return true }
                precondition(state.waiter == nil, "a stream has one consumer at a time")
                state.waiter = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
    }
}

// MARK: - The connection's side

extension Exchange {
    /// Takes one chunk in; false when the agent sent more than it had credit for.
    func receive(_ chunk: [UInt8], bound: Int) -> Bool {
        let (waiter, isWithinBound) = state.withLock { state -> (CheckedContinuation<Void, Never>?, Bool) in
            if state.isCancelled || state.ending != nil { return (nil, true) }
            state.chunks.append(chunk)
            state.buffered += chunk.count
            return (state.waiter.take(), state.buffered <= bound)
        }
        waiter?.resume()
        return isWithinBound
    }

    /// Ends the call; the first ending counts.
    func end(_ ending: Ending) {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            if state.ending == nil { state.ending = ending }
            return state.waiter.take()
        }
        waiter?.resume()
    }
}

extension Exchange.State {
    fileprivate mutating func popChunk() -> [UInt8]? {
        guard nextChunk < chunks.count else { return nil }
        let chunk = chunks[nextChunk]
        chunks[nextChunk] = []
        nextChunk += 1
        if nextChunk == chunks.count { resetChunks() }
        buffered -= chunk.count
        ungranted += chunk.count
        return chunk
    }

    /// What to grant back now: small sums wait, so that a grant is rare beside the chunks it pays for.
    fileprivate mutating func takeGrant(atLeast threshold: Int) -> Int {
        guard ungranted >= threshold, ending == nil, !isCancelled else { return 0 }
        defer { ungranted = 0 }
        return min(ungranted, WireLimits.streamCreditCeiling)
    }

    fileprivate mutating func dropChunks() {
        resetChunks()
        buffered = 0
    }

    private mutating func resetChunks() {
        chunks.removeAll(keepingCapacity: true)
        nextChunk = 0
    }
}
