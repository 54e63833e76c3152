internal import SluiceWire
internal import Synchronization

/// Calls OpenAI through the Sluice agent on this host.
///
/// ```swift
/// let client = SluiceClient(name: "support-bot/2.3")
/// let answer = try await client.call(
///     "/v1/chat/completions",
///     body: ChatRequest(model: "gpt-4o-mini", messages: [.user("Hello")]),
///     options: CallOptions(tenant: "acme", lane: .interactive, deadline: .seconds(4)))
/// print(answer.facts.usage as Any)
/// ```
///
/// One client serves a whole program: its calls share one connection, are answered out of order, and a second
/// connection is opened only when the first is full or the agent is being replaced. A lost connection fails the calls
/// in flight, because nobody knows whether they were carried out; the next call connects anew. Nothing is ever sent
/// twice. Cancelling a task cancels its call at the provider, and waits for the agent to say what it has cost.
public final class SluiceClient: Sendable {
    private struct State {
        /// At most ``SluiceClient/maxConnections``.
        var connections: [Connection] = []
        var opening: Task<Connection, any Error>?
    }

    /// Connections one client opens at most; with 256 calls each that is more than a process should have in flight.
    private static let maxConnections = 4

    private let places: SocketPlaces
    private let name: String
    private let state = Mutex(State())

    /// A client; it connects with the first call.
    ///
    /// - Parameters:
    ///   - socket: the agent's socket. Without it: `SLUICE_SOCKET` when set, else the first that answers of
    ///     `$RUNTIME_DIRECTORY/agent.sock`, `$XDG_RUNTIME_DIR/sluice/agent.sock` and `/run/sluice/agent.sock`.
    ///   - name: name and version of the program for the agent's status page, at most 128 bytes (the rest is cut).
    public init(socket: String? = nil, name: String = "swift-client") {
        places = socket.map(SocketPlaces.init(path:)) ?? SocketPlaces()
        self.name = name.utf8.count <= WireLimits.clientNameSize ? name : String(name.prefix(32))
    }

    deinit {
        for connection in state.withLock({ $0.connections }) { connection.retire() }
    }

    /// Connects now instead of with the first call, and tells who answered.
    ///
    /// - Throws: ``SluiceError``; `client_unreachable` lists every place that was tried.
    @discardableResult
    public func connect() async throws -> AgentInfo {
        let connection = try await usableConnection()
        guard let greeting = connection.greeting else {
            throw SluiceError(.clientConnectionLost, "the connection broke right after the handshake", retryable: true)
        }
        return AgentInfo(greeting)
    }

    /// Asks whether the agent is there; connects if need be.
    public func ping() async throws { try await usableConnection().ping() }

    /// Closes every connection when the calls in flight on it have ended. A later call connects anew.
    public func close() {
        let connections = state.withLock { state in
            defer { state.connections = [] }
            return state.connections
        }
        for connection in connections { connection.retire() }
    }
}

// MARK: - Calls

extension SluiceClient {
    /// Makes one plain call with a body of any `Encodable` type.
    ///
    /// - Throws: ``SluiceError``, or `EncodingError` when the body cannot be encoded.
    public func call(
        _ path: String, body: some Encodable, options: CallOptions = CallOptions()
    ) async throws -> Answer {
        try await call(path, json: RequestBody.encode(body), options: options)
    }

    /// Makes one plain call with a body that is JSON text already, which reaches the provider byte for byte. Without a
    /// body it is a GET, such as `/v1/models`.
    ///
    /// - Throws: ``SluiceError``.
    public func call(
        _ path: String, json: [UInt8]? = nil, options: CallOptions = CallOptions()
    ) async throws -> Answer {
        let body = try json.map(RequestBody.plain)
        let exchange = try await begin(path, body: body, options: options)
        while true {
            switch await exchange.next() {
            case .chunk: exchange.cancel()
            case .ended(.answer(let answer)): return answer
            case .ended(.failure(let error)): throw error
            case .ended(.stream(let end, _)):
                throw SluiceError(
                    .clientProtocolViolation, "the agent answered a plain call with a stream",
                    charged: end.facts.charged)
            }
        }
    }

    /// Makes one streamed call with a body of any `Encodable` type; `"stream": true` is added when it is not there.
    ///
    /// - Throws: ``SluiceError``, or `EncodingError` when the body cannot be encoded.
    public func stream(
        _ path: String, body: some Encodable, options: CallOptions = CallOptions()
    ) async throws -> AnswerStream {
        try await stream(path, json: RequestBody.encode(body), options: options)
    }

    /// Makes one streamed call with a body that is JSON text already; `"stream": true` is added when it is not there.
    /// It returns when the call is on its way; a refusal comes out of the loop over the stream.
    ///
    /// - Throws: ``SluiceError``.
    public func stream(
        _ path: String, json: [UInt8], options: CallOptions = CallOptions()
    ) async throws -> AnswerStream {
        AnswerStream(try await begin(path, body: RequestBody.streamed(json), options: options))
    }

    private func begin(_ path: String, body: RequestBody?, options: CallOptions) async throws -> Exchange {
        let operation = try options.operation(path: path)
        while true {
            if Task.isCancelled {
                throw SluiceError(.callerCancelled, "the task was cancelled before the call was sent")
            }
            for connection in state.withLock({ $0.connections }) {
                if let exchange = try connection.begin(operation, body: body, options: options) { return exchange }
            }
            try await openConnection()
        }
    }
}

// MARK: - Connections

extension SluiceClient {
    private func usableConnection() async throws -> Connection {
        if let connection = state.withLock({ $0.connections.last { $0.isUsable } }) { return connection }
        return try await openConnection()
    }

    /// Opens one more connection; whoever asks while one is being opened waits for that one.
    @discardableResult
    private func openConnection() async throws -> Connection {
        let opening = try state.withLock { state throws(SluiceError) -> Task<Connection, any Error> in
            if let opening = state.opening { return opening }
            state.connections.removeAll { !$0.isUsable }
            guard state.connections.count < Self.maxConnections else {
                throw SluiceError(
                    .callerTooManyInflight, "all \(Self.maxConnections) connections are full; wait for answers",
                    retryable: true, limit: "inflight_per_connection")
            }
            let opening = Task { try await self.open() }
            state.opening = opening
            return opening
        }
        return try await opening.value
    }

    private func open() async throws -> Connection {
        do {
            let connection = try await Connection.open(places, as: name)
            state.withLock { state in
                state.opening = nil
                state.connections.append(connection)
            }
            return connection
        } catch {
            state.withLock { $0.opening = nil }
            throw error
        }
    }
}

/// Who answered on the socket.
public struct AgentInfo: Sendable, Equatable {
    /// Name and version, such as `sluice/0.1.0`.
    public var name: String
    /// Changes with every start of the agent.
    public var instance: String
    /// Who the agent takes this process for.
    public var identity: String
    /// Calls that may be in flight on one connection.
    public var maxInFlight: Int

    init(_ greeting: AgentGreeting) {
        name = greeting.agent
        instance = greeting.instance
        identity = greeting.identity
        maxInFlight = greeting.maxInflight
    }
}
