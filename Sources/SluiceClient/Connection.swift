internal import NIOCore
internal import SluiceWire
internal import Synchronization

/// One connection to the agent with the calls that are in flight on it.
///
/// Everything that arrives comes in on the channel's event loop; calls begin, grant and cancel from any thread.
final class Connection: Sendable {
    private struct State {
        /// At most the agent's `max_inflight`.
        var exchanges: [String: Exchange] = [:]
        /// What ends a call that the agent does not end, at most one for each call in flight.
        var guards: [String: Scheduled<Void>] = [:]
        /// At most one per waiting `ping()`.
        var pings: [String: CheckedContinuation<Void, any Error>] = [:]
        var greeting: AgentGreeting?
        var greetingWaiter: CheckedContinuation<AgentGreeting, any Error>?
        var lastID = 0
        /// No new calls: the agent said goaway, or the client was closed.
        var isRetired = false
        /// Why it is lost; nil while it lives.
        var loss: SluiceError?
        /// The last error that belonged to no call: perhaps the reason of a loss that follows.
        var connectionError: SluiceError?
    }

    private let channel: any Channel
    private let state = Mutex(State())

    init(channel: any Channel) { self.channel = channel }

    /// What the agent said about itself.
    var greeting: AgentGreeting? { state.withLock { $0.greeting } }

    /// Whether new calls can begin on it, once there is room.
    var isUsable: Bool { state.withLock { $0.loss == nil && !$0.isRetired } }

    /// Consumed bytes that are worth a grant: a quarter of the credit.
    var grantThreshold: Int { max(1, (greeting?.streamCredit ?? WireLimits.streamCredit) / 4) }

    /// Says hello and waits for the agent's, at most `timeout`.
    func greet(as name: String, timeout: TimeAmount = .seconds(5)) async throws -> AgentGreeting {
        let expiry = channel.eventLoop.scheduleTask(in: timeout) {
            self.lose(SluiceError(.clientNoAnswer, "the agent did not say hello in \(timeout)", retryable: true))
        }
        defer { expiry.cancel() }
        return try await withCheckedThrowingContinuation { continuation in
            let loss = state.withLock { state in
                if state.loss == nil { state.greetingWaiter = continuation }
                return state.loss
            }
            if let loss { continuation.resume(throwing: loss) } else { send(ClientOperation.hello(client: name)) }
        }
    }

    /// Puts a call on the wire; nil when this connection takes no more calls now.
    ///
    /// - Throws: `caller_frame_too_large` before anything is sent.
    func begin(_ operation: CallOperation, body: RequestBody?, options: CallOptions) throws(SluiceError) -> Exchange? {
        let exchange = state.withLock { state -> Exchange? in
            guard let greeting = state.greeting, state.loss == nil, !state.isRetired,
                state.exchanges.count < greeting.maxInflight
            else { return nil }
            state.lastID += 1
            let id = String(state.lastID)
            let exchange = Exchange(id: id, connection: self, onProgress: options.onProgress)
            state.exchanges[id] = exchange
            return exchange
        }
        guard let exchange else { return nil }
        let frame = ClientOperation.call(id: exchange.id, operation, body: body?.bytes)
        do {
            try check(size: frame.count - WireLimits.headerSize)
        } catch {
            _ = remove(exchange.id)
            throw error
        }
        send(frame)
        if let deadlineMS = operation.deadlineMS { guardDeadline(of: exchange, deadlineMS) }
        return exchange
    }

    /// Asks whether the agent is there.
    func ping() async throws {
        try await withCheckedThrowingContinuation { continuation in
            let outcome = state.withLock { state -> Result<String, SluiceError> in
                if let loss = state.loss { return .failure(loss) }
                state.lastID += 1
                let id = "p\(state.lastID)"
                state.pings[id] = continuation
                return .success(id)
            }
            switch outcome {
            case .success(let id): send(ClientOperation.ping(id: id))
            case .failure(let loss): continuation.resume(throwing: loss)
            }
        }
    }

    /// Takes no more calls, and closes when those in flight have ended.
    func retire() {
        let isIdle = state.withLock { state in
            state.isRetired = true
            return state.exchanges.isEmpty
        }
        if isIdle { channel.close(promise: nil) }
    }

    /// Ends every call with this error, and the connection. Only the first loss counts.
    ///
    /// Whatever ended it, nobody knows whether the calls in flight were carried out: none of them is free of charge.
    func lose(_ error: SluiceError) {
        let lost = state.withLock { state -> (error: SluiceError, State)? in
            guard state.loss == nil else { return nil }
            let error = error.explained(by: state.greeting == nil ? nil : state.connectionError)
            let before = state
            state.loss = error
            state.exchanges = [:]
            state.guards = [:]
            state.pings = [:]
            state.greetingWaiter = nil
            return (error, before)
        }
        guard let (error, before) = lost else { return }
        before.greetingWaiter?.resume(throwing: error)
        for guardian in before.guards.values { guardian.cancel() }
        for exchange in before.exchanges.values { exchange.end(.failure(error.withUnknownOutcome)) }
        for ping in before.pings.values { ping.resume(throwing: error) }
        channel.close(promise: nil)
    }

    private func check(size: Int) throws(SluiceError) {
        let bound = greeting?.maxFrame ?? WireLimits.frameSize
        guard size > bound else { return }
        throw SluiceError(
            .callerFrameTooLarge, "the call is \(size) bytes long; the agent takes \(bound)", limit: "frame_size")
    }

    private func send(_ frame: [UInt8]) {
        channel.writeAndFlush(ByteBuffer(bytes: frame), promise: nil)
    }
}

// MARK: - Calls in flight

extension Connection {
    /// How long the agent may take to end a call after a cancel, and past a deadline that it keeps itself.
    private static let grace = TimeAmount.seconds(5)

    func grant(_ bytes: Int, to exchange: Exchange) {
        send(ClientOperation.grant(id: exchange.id, bytes: bytes))
    }

    func cancel(_ exchange: Exchange) {
        send(ClientOperation.cancel(id: exchange.id))
        giveUp(on: exchange, in: Self.grace, "the agent did not end the call after it was cancelled")
    }

    private func guardDeadline(of exchange: Exchange, _ deadlineMS: Int) {
        let time = TimeAmount.milliseconds(Int64(deadlineMS)) + Self.grace
        giveUp(on: exchange, in: time, "the agent did not end the call at its deadline")
    }

    private func giveUp(on exchange: Exchange, in time: TimeAmount, _ reason: String) {
        let id = exchange.id
        let guardian = channel.eventLoop.scheduleTask(in: time) { [weak self] in
            guard let self, let exchange = remove(id) else { return }
            send(ClientOperation.cancel(id: id))
            exchange.end(.failure(SluiceError(.clientNoAnswer, reason, charged: .estimated)))
        }
        let superseded = state.withLock { state -> Scheduled<Void>? in
            // A call that has ended meanwhile needs no guard any more.
            state.exchanges[id] == nil ? guardian : state.guards.updateValue(guardian, forKey: id)
        }
        superseded?.cancel()
    }

    /// Takes the call out of the table; a retired connection without calls closes.
    private func remove(_ id: String) -> Exchange? {
        let (exchange, guardian, isDone) = state.withLock { state in
            let exchange = state.exchanges.removeValue(forKey: id)
            return (exchange, state.guards.removeValue(forKey: id), state.isRetired && state.exchanges.isEmpty)
        }
        guardian?.cancel()
        if isDone { channel.close(promise: nil) }
        return exchange
    }

    private func exchange(_ id: String) -> Exchange? { state.withLock { $0.exchanges[id] } }
}

// MARK: - What arrives

extension Connection {
    /// Takes in one frame's payload. Frames for calls that are over are ignored.
    ///
    /// - Throws: ``AgentFrameFault`` or ``SluiceError`` when the agent broke the protocol.
    func receive(_ bytes: RawSpan) throws {
        switch try AgentFrame.read(bytes) {
        case .chunk(let id, _, let data): try chunk(bytes.copy(data), for: id)
        case .result(let id, let summary, let body):
            let answer = Answer(status: summary.status, body: bytes.copy(body), facts: Answer.Facts(summary))
            remove(id)?.end(.answer(answer))
        case .finished(let id, let summary, let finish, let error):
            let end = StreamEnd(finish: StreamEnd.Finish(finish), facts: Answer.Facts(summary))
            remove(id)?.end(.stream(end, error.map(SluiceError.init)))
        case .error(let id?, let error): remove(id)?.end(.failure(SluiceError(error)))
        case .error(nil, let error): connectionFailed(SluiceError(error))
        case .queued(let id, let pool, let position, let etaMS):
            progress(id, .queued(pool: pool, position: position, estimate: etaMS.map { .milliseconds($0) }))
        case .started(let id, let attempt, let waitedMS):
            progress(id, .started(attempt: attempt, waited: .milliseconds(waitedMS)))
        case .retrying(let id, let attempt, let code, let delayMS, _):
            progress(id, .retrying(attempt: attempt, code: .init(rawValue: code), delay: .milliseconds(delayMS)))
        case .hello(let greeting, _): welcome(greeting)
        case .pong(let id): pong(id)
        case .goaway: retire()
        case .unknown: break
        }
    }

    private func chunk(_ data: [UInt8], for id: String) throws {
        let credit = greeting?.streamCredit ?? WireLimits.streamCredit
        guard exchange(id)?.receive(data, bound: credit + WireLimits.frameSizeCeiling) ?? true else {
            throw SluiceError(.clientProtocolViolation, "the agent sent more of a stream than it had credit for")
        }
    }

    private func progress(_ id: String, _ progress: CallOptions.Progress) {
        exchange(id)?.onProgress?(progress)
    }

    private func welcome(_ greeting: AgentGreeting) {
        let waiter = state.withLock { state in
            state.greeting = state.greeting ?? greeting
            return state.greetingWaiter.take()
        }
        waiter?.resume(returning: greeting)
    }

    private func pong(_ id: String?) {
        guard let id else { return }
        state.withLock { $0.pings.removeValue(forKey: id) }?.resume()
    }

    private func connectionFailed(_ error: SluiceError) {
        state.withLock { $0.connectionError = error }
        if greeting == nil { lose(error) }
    }
}
