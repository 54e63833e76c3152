import SluiceClient
import SluiceWire
import Testing

@Suite("Connections and cancellation", .timeLimit(.minutes(1)))
struct ConnectionTests {
    private static let path = "/v1/chat/completions"
    private static let body = Array(#"{"model":"m"}"#.utf8)

    @Test("a cancelled task sends cancel and waits for what the agent says")
    func cancellation() async throws {
        let agent = try await FakeAgent { arrival in
            guard case .cancel(let id) = arrival.frame else { return }
            arrival.peer.send { $0.error(id: id, WireError(.callerCancelled, "cancelled", charged: .estimated)) }
        }
        let client = SluiceClient(socket: agent.path)
        let task = Task { try await client.call(Self.path, json: Self.body) }
        let id = try #require(await agent.next()?.call?.id)
        task.cancel()
        let error = await #expect(throws: SluiceError.self) { try await task.value }
        #expect(error?.code == .callerCancelled)
        #expect(error?.charged == .estimated)
        #expect(await agent.next()?.frame == .cancel(id: id))
    }

    @Test("an answer that crosses the cancel is not lost")
    func crossing() async throws {
        let agent = try await FakeAgent { arrival in
            guard case .cancel(let id) = arrival.frame else { return }
            arrival.peer.send { $0.result(id, #"{"paid":1}"#) }
        }
        let client = SluiceClient(socket: agent.path)
        let task = Task { try await client.call(Self.path, json: Self.body) }
        _ = await agent.next()
        task.cancel()
        #expect(try await task.value.body == Array(#"{"paid":1}"#.utf8))
    }

    @Test("a task that is cancelled already sends nothing")
    func cancelledBefore() async throws {
        let agent = try await FakeAgent { $0.peer.send { $0.result("1") } }
        let client = SluiceClient(socket: agent.path)
        try await client.connect()
        let error = await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await #expect(throws: SluiceError.self) { try await client.call(Self.path, json: Self.body) }
        }.value
        #expect(error?.code == .callerCancelled)
        #expect(error?.charged == Answer.Charge.none)
        _ = try await client.call("/v1/models")
        #expect(await agent.next()?.call?.path == "/v1/models")
    }

    @Test("a lost connection fails what is in flight, sends nothing again, and the next call connects anew")
    func reconnect() async throws {
        let calls = Counter()
        let agent = try await FakeAgent { arrival in
            guard let call = arrival.call else { return }
            if calls.next() == 1 { arrival.peer.close() } else { arrival.peer.send { $0.result(call.id) } }
        }
        let client = SluiceClient(socket: agent.path)
        let error = await #expect(throws: SluiceError.self) { try await client.call(Self.path, json: Self.body) }
        #expect(error?.code == .clientConnectionLost)
        #expect(error?.charged == .estimated)
        _ = try await client.call(Self.path, json: Self.body)
        #expect(calls.current == 2)
        #expect(await agent.next()?.peer.number == 1)
        #expect(await agent.next()?.peer.number == 2)
    }

    @Test("after goaway the call in flight finishes and the next one takes a new connection")
    func goaway() async throws {
        let first = Held(1)
        let agent = try await FakeAgent { arrival in
            guard let call = arrival.call else { return }
            if arrival.peer.number == 1 {
                _ = first.add(arrival)
                arrival.peer.send { $0.goaway(reason: "draining", drainMS: 30_000) }
                arrival.peer.send { $0.queued(id: call.id, pool: "p", position: 1, etaMS: nil) }
            } else {
                arrival.peer.send { $0.result(call.id, #"{"n":2}"#) }
            }
        }
        let client = SluiceClient(socket: agent.path)
        let (waiting, continuation) = AsyncStream<Void>.makeStream()
        let options = CallOptions { _ in continuation.yield() }
        let old = Task { try await client.call(Self.path, json: Self.body, options: options) }
        var told = waiting.makeAsyncIterator()
        await told.next()
        let new = try await client.call(Self.path, json: Self.body)
        #expect(new.body == Array(#"{"n":2}"#.utf8))
        let arrival = try #require(await agent.next())
        arrival.peer.send { $0.result(arrival.call?.id ?? "", #"{"n":1}"#) }
        #expect(try await old.value.body == Array(#"{"n":1}"#.utf8))
    }

    @Test("a full connection gets a sister, four at most")
    func full() async throws {
        let held = Held(4)
        let agent = try await FakeAgent(greeting: .make(maxInflight: 1)) { _ = held.add($0) }
        let client = SluiceClient(socket: agent.path)
        let tasks = (0..<4).map { _ in Task { try await client.call(Self.path, json: Self.body) } }
        var arrivals: [FakeAgent.Arrival] = []
        for _ in 0..<4 { arrivals.append(try #require(await agent.next())) }
        let error = await #expect(throws: SluiceError.self) { try await client.call(Self.path, json: Self.body) }
        #expect(error?.code == .callerTooManyInflight)
        #expect(held.peers == [1, 2, 3, 4])
        for arrival in arrivals { arrival.peer.send { $0.result(arrival.call?.id ?? "") } }
        for task in tasks { _ = try await task.value }
    }

    @Test(
        "what is not the protocol ends the connection with a name",
        arguments: [
            Array("\0\0\0\u{02}[]".utf8), Array("\0\0\0\u{03}{} ".utf8), [0xFF, 0, 0, 0],
            Array("\0\0\0\u{1A}{\"event\":\"chunk\",\"id\":\"1\"}".utf8),
        ])
    func garbage(_ bytes: [UInt8]) async throws {
        let agent = try await FakeAgent { $0.peer.send(raw: bytes) }
        let client = SluiceClient(socket: agent.path)
        let error = await #expect(throws: SluiceError.self) { try await client.call(Self.path, json: Self.body) }
        #expect(error?.code == .clientProtocolViolation)
    }

    @Test("an event of a later version is passed over")
    func unknownEvent() async throws {
        let agent = try await FakeAgent { arrival in
            arrival.peer.send { writer in
                writer.begin("weather", id: "1")
                writer.end()
                writer.result(arrival.call?.id ?? "")
            }
        }
        let answer = try await SluiceClient(socket: agent.path).call(Self.path, json: Self.body)
        #expect(answer.status == 200)
    }

    @Test("connect tells who is there, and ping comes back")
    func connect() async throws {
        let agent = try await FakeAgent { arrival in
            if case .ping(let id) = arrival.frame { arrival.peer.send { $0.pong(id: id) } }
        }
        let client = SluiceClient(socket: agent.path)
        let info = try await client.connect()
        #expect(info.name == "sluice/test")
        #expect(info.identity == "uid:0")
        try await client.ping()
        client.close()
    }

    @Test("an error about the connection in place of a hello is the error of the call")
    func refusedConnection() async throws {
        let agent = try await FakeAgent(greeting: nil) { _ in }
        let error = await #expect(throws: SluiceError.self) { try await SluiceClient(socket: agent.path).connect() }
        #expect(error?.code == .callerTooManyConnections)
    }

    @Test("nobody there: the error lists every place and the cure")
    func unreachable() async throws {
        let error = await #expect(throws: SluiceError.self) {
            try await SluiceClient(socket: "/nonexistent/agent.sock").connect()
        }
        #expect(error?.code == .clientUnreachable)
        #expect(error?.message.contains("/nonexistent/agent.sock (no such socket)") == true)
        #expect(error?.message.contains("sluice agent") == true)
    }

    @Test("places to look, in order")
    func places() {
        let both = ["RUNTIME_DIRECTORY": "/run/a:/run/b", "XDG_RUNTIME_DIR": "/run/user/1"]
        #expect(
            SocketPlaces(environment: both).paths == [
                "/run/a/agent.sock", "/run/user/1/sluice/agent.sock", "/run/sluice/agent.sock",
            ])
        #expect(SocketPlaces(environment: ["SLUICE_SOCKET": "/s"].merging(both) { a, _ in a }).paths == ["/s"])
        #expect(SocketPlaces(environment: [:]).paths == ["/run/sluice/agent.sock"])
    }
}
