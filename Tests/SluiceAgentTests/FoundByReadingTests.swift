import Glibc
import SluiceAgent
import SluiceConfig
import SluiceProvider
import Testing

@Suite("What reading the code found", .timeLimit(.minutes(1)))
struct FoundByReadingTests {
    @Test("Credit granted while a call waits for its turn is not lost")
    func grantBeforeTheStream() async throws {
        let setup = Setup(limits: ["stream_credit: 1KiB"], pool: ["max_in_flight: 1"])
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("first", Body.fault("fault=hang"))
            try await house.underWay(1)
            caller.call("second", Body.fault("output-tokens=500", stream: true))
            _ = try await caller.next("queued", "second")
            caller.grant("second", 16_777_216)
            caller.cancel("first")
            #expect(try await caller.end(of: "second").string("finish") == "complete")
        }
    }

    @Test("A client whose writes always end within a frame does not make the agent keep what it has read")
    func boundedInput() async throws {
        let scratch = try Scratch()
        let agent = try await SpawnedAgent(Setup(), scratch)
        let caller = try Caller(agent.socket)
        let frame = Caller.frame(#"{"op":"ping","x":"\#(String(repeating: "a", count: 60_000))"}"#)
        let cut = frame.count / 2
        caller.send(raw: Array(frame[..<cut]))
        let before = try await Self.residentBytes(agent)
        for _ in 0..<800 { caller.send(raw: Array(frame[cut...]) + Array(frame[..<cut])) }
        caller.send(raw: Array(frame[cut...]))
        try await caller.ping()
        let growth = try await Self.residentBytes(agent) - before
        #expect(growth < 24_000_000, "48 MB went through and \(growth) bytes stayed")
        #expect(await agent.stop() == 0)
    }

    @Test("A key that the provider refuses is taken no more while another one works")
    func refusedKey() async throws {
        let keys = try Scratch()
        let file = try keys.write("key", "sk-refused")
        var provider = ProviderConfiguration()
        provider.keys = ["sk-test"]
        let setup = Setup(key: "env: SLUICE_TEST_KEY\n      - name: refused\n        file: \"\(file)\"")
        try await House.with(setup, provider) { house in
            let caller = try house.connect()
            caller.call("busy", Body.fault("fault=hang"))
            try await house.underWay(1)
            // The working key is busy, so the idle one is tried once, and its call goes on to the working one.
            for number in 0...5 {
                caller.call("\(number)", Body.chat())
                let result = try await caller.end(of: "\(number)")
                #expect(result.kind == "result" && result.int("attempts") == (number == 0 ? 2 : 1))
            }
        }
    }

    @Test("An answer that came only after an ambiguous attempt has no exact charge")
    func ambiguousAttempt() async throws {
        try await House.with(Setup(timeouts: ["first_byte: 200ms"])) { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=hang,times=1"))
            let result = try await caller.end(of: "1")
            #expect(result.int("attempts") == 2)
            #expect(result.string("charged") == "estimated" && result.has("usage"))
        }
    }

    @Test("An error inside a stream that speaks of the key comes without its message")
    func redactedStreamError() async throws {
        let scratch = try Scratch()
        let error = #"{"error":{"message":"Incorrect API key provided: sk-secret","code":"invalid_api_key"}}"#
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            exchange.beginStream()
            exchange.event(error)
            return false
        }
        try await House.with(Setup(socket: scratch.file("raw.sock"))) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat(stream: true))
            let end = try await caller.end(of: "1")
            #expect(end.code == "provider_stream_error" && end.string("upstream.code") == "invalid_api_key")
            #expect(!end.has("upstream.message"))
            #expect(upstream.received.count == 1)
        }
    }

    @Test("Calls that wait for a key which a reload takes away go on with the one that took its place")
    func removedKey() async throws {
        let setup = Setup(pool: ["max_in_flight: 1"])
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("first", Body.fault("fault=hang"))
            try await house.underWay(1)
            caller.call("second", Body.chat())
            _ = try await caller.next("queued", "second")
            let renamed = setup.yaml(house.scratch).replacing("name: test", with: "name: other")
            try house.scratch.write("config.yaml", renamed)
            let reply = try await HTTPExchange.get("/reload", at: house.agent.paths.adminSocket, method: "POST")
            #expect(reply.status == 200)
            // The place of the hanging call was that of the old key.
            #expect(try await caller.end(of: "second").kind == "result")
            caller.call("third", Body.chat())
            #expect(try await caller.end(of: "third").kind == "result")
        }
    }

    @Test("The stats socket takes a bounded number of connections and frees each one that ends")
    func boundedStats() async throws {
        try await House.with { house in
            let held = try (0..<64).map { _ in try RawSocket.connect(house.agent.paths.statsSocket) }
            let refused = try? await house.stats("/healthz")
            #expect(refused?.status != 200)
            held.forEach { _ = Glibc.close($0) }
            try await eventually("a place is free again") { (try? await house.stats("/healthz").status) == 200 }
        }
    }

    private static func residentBytes(_ agent: SpawnedAgent) async throws -> Double {
        metric("process_resident_memory_bytes", in: try await HTTPExchange.get("/metrics", at: agent.statsSocket).body)
    }
}
