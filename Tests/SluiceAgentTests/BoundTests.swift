import SluiceProvider
import Testing

@Suite("Bounds on what callers may use", .timeLimit(.minutes(1)))
struct BoundTests {
    @Test("Connections in all are bounded; the refused one is told why and closed")
    func connections() async throws {
        try await House.with(Setup(limits: ["connections: 2"])) { house in
            let first = try house.connect()
            let second = try house.connect()
            try await first.ping()
            try await second.ping()
            let events = await (try house.connect()).untilClosed()
            #expect(events.count == 1 && events.first?.code == "caller_too_many_connections")
            #expect(events.first?.string("limit") == "connections")
            first.close()
            try await eventually("there is room again") { try await house.status().count("connections") == 1 }
            try await house.connect().ping()
        }
    }

    @Test("Connections of one user are bounded")
    func connectionsPerUser() async throws {
        try await House.with(Setup(limits: ["connections_per_uid: 1"])) { house in
            let first = try house.connect()
            try await first.ping()
            let events = await (try house.connect()).untilClosed()
            #expect(events.first?.string("limit") == "connections_per_uid")
            let metrics = try await house.metrics()
            let refused = #"sluice_connections_refused_total{reason="connections_per_uid"}"#
            #expect(metric(refused, in: metrics) == 1 && metric("sluice_connections", in: metrics) == 1)
        }
    }

    @Test("A connection that never says hello is told and closed; one that does, stays")
    func helloTimeout() async throws {
        try await House.with(Setup(limits: ["hello_timeout: 100ms"])) { house in
            let polite = try house.connect()
            let mute = try Caller(house.socket, greets: false)
            let events = await mute.untilClosed()
            #expect(events.map(\.code) == ["caller_hello_required"])
            #expect(events.first?.string("limit") == "hello_timeout")
            try await polite.ping()
        }
    }

    @Test("Calls in flight on a connection are bounded, and the bound is each connection's own")
    func tooManyInflight() async throws {
        try await House.with(Setup(limits: ["inflight_per_connection: 2"])) { house in
            let caller = try house.connect()
            #expect(try await caller.next("hello").int("max_inflight") == 2)
            caller.call("1", Body.fault("fault=hang"))
            caller.call("2", Body.fault("fault=hang"))
            caller.call("3", Body.chat())
            let end = try await caller.end(of: "3")
            #expect(end.code == "caller_too_many_inflight" && end.string("limit") == "max_inflight")
            let other = try house.connect()
            other.call("1", Body.chat())
            #expect(try await other.end(of: "1").kind == "result")
            caller.cancel("1")
            _ = try await caller.end(of: "1")
            caller.call("3", Body.chat())
            #expect(try await caller.end(of: "3").kind == "result")
        }
    }

    @Test("A frame above the configured size ends the connection after the error")
    func frameSize() async throws {
        try await House.with(Setup(limits: ["frame_size: 2KiB"])) { house in
            let caller = try house.connect()
            #expect(try await caller.next("hello").int("max_frame") == 2048)
            let room = 2048 - Caller.callFrame("1", Body.chat(text: ""), path: "/v1/chat/completions", "").utf8.count
            caller.call("1", Body.chat(text: String(repeating: "x", count: room)))
            #expect(try await caller.end(of: "1").kind == "result")
            caller.call("2", Body.chat(text: String(repeating: "x", count: room + 1)))
            let events = await caller.untilClosed()
            #expect(events.last?.code == "caller_frame_too_large" && events.last?.string("limit") == "max_frame")
        }
    }

    @Test("Further models beyond limits.pools share one pool")
    func pools() async throws {
        try await House.with(Setup(limits: ["pools: 3"], models: "none-of-these")) { house in
            let caller = try house.connect()
            for number in 0..<6 {
                caller.call("\(number)", Body.chat("model-\(number)"))
                #expect(try await caller.end(of: "\(number)").code == "provider_invalid_request")
            }
            let status = try await house.status()
            let names = (0..<(status.count("pools") ?? 0)).compactMap { status.string("pools.\($0).name") }
            #expect(names == ["all", "up/model-0", "up/model-1", "up/other"])
        }
    }

    @Test("A low soft limit on descriptors is raised to what the system allows")
    func raisedDescriptors() async throws {
        let scratch = try Scratch()
        let agent = try await SpawnedAgent(Setup(), scratch, limit: "ulimit -Sn 64")
        let callers = try (0..<100).map { _ in try Caller(agent.socket) }
        for caller in callers { try await caller.ping() }
        #expect(await agent.stop() == 0)
    }

    @Test("An agent without a descriptor left serves those it has, and the others as soon as it can")
    func noDescriptorLeft() async throws {
        let scratch = try Scratch()
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            exchange.json("{}")
            return true
        }
        let setup = Setup(socket: scratch.file("raw.sock"))
        let agent = try await SpawnedAgent(setup, scratch, limit: "ulimit -n 64")
        let first = try Caller(agent.socket)
        first.call("1", Body.chat())
        #expect(try await first.end(of: "1").kind == "result")
        var crowd = try (0..<100).map { _ in try Caller(agent.socket) }
        let last = try Caller(agent.socket)
        first.call("2", Body.chat())
        #expect(try await first.end(of: "2").kind == "result")
        crowd.removeAll()
        try await last.ping()
        #expect(await agent.stop() == 0)
        #expect(upstream.received.count == 2)
    }

    @Test("An endpoint that is not allowed is refused before anything is sent, and counted")
    func endpoints() async throws {
        let setup = Setup(endpoints: ["allow: [\"POST /v1/embeddings\"]"])
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat())
            let end = try await caller.end(of: "1")
            #expect(end.code == "policy_endpoint_not_allowed" && end.string("charged") == "none")
            caller.call("2", #"{"model":"text-embedding-3-small","input":"x"}"#, path: "/v1/embeddings")
            #expect(try await caller.end(of: "2").kind == "result")
            #expect(house.provider.stats().requests == 1)
        }
    }
}
