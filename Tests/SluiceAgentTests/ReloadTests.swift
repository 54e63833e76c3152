import Foundation
import Glibc
import SluiceProvider
import Testing

@Suite("Reload by SIGHUP, in a process of its own", .timeLimit(.minutes(1)))
struct ReloadTests {
    private func provider(_ scratch: Scratch, keys: Set<String> = []) async throws -> ProviderServer {
        var configuration = ProviderConfiguration()
        configuration.host = nil
        configuration.unixPath = scratch.file("up.sock")
        configuration.keys = keys
        return try await ProviderServer.start(configuration)
    }

    @Test("A good file comes into force while calls go on; a bad one leaves the old in force and names file and line")
    func goodAndBad() async throws {
        let scratch = try Scratch()
        let upstream = try await provider(scratch)
        let agent = try await SpawnedAgent(Setup(pool: ["max_in_flight: 7"]), scratch)
        let caller = try Caller(agent.socket)
        caller.call("s", Body.fault("fault=hang-mid-stream", stream: true))
        _ = try await caller.next("chunk", "s")
        #expect(try await agent.status().int("pools.0.max_in_flight") == 7)

        try scratch.write("config.yaml", Setup(pool: ["max_in_flight: 9"]).yaml(scratch))
        agent.process.signal(SIGHUP)
        try await eventually("the new limit is in force") {
            try await agent.status().int("pools.0.max_in_flight") == 9
        }
        #expect(try await !caller.hasMore(of: "s-end"))
        #expect(try await agent.status().int("in_flight") == 1)

        let bad = Setup(limits: ["queue_calls: 1"], pool: ["max_in_flight: many"]).yaml(scratch)
        let line = try #require(bad.split(separator: "\n").firstIndex { $0.contains("many") }) + 1
        try scratch.write("config.yaml", bad)
        agent.process.signal(SIGHUP)
        try await agent.process.says("\(agent.configuration):\(line):")
        let status = try await agent.status()
        // Not one setting of the bad file came into force, nor was any lost.
        #expect(status.int("pools.0.max_in_flight") == 9 && status.int("in_flight") == 1)
        caller.cancel("s")
        #expect(try await caller.end(of: "s").string("finish") == "cancelled")
        #expect(await agent.stop() == 0)
        await upstream.shutdown()
    }

    @Test("A new key is used by the next call, and a call in flight with the old one finishes")
    func keyRotation() async throws {
        let scratch = try Scratch()
        let gate = Gate()
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            if exchange.number == 1 { gate.pass() }
            exchange.json("{}")
            return true
        }
        let key = try scratch.write("key", "sk-old\n")
        let setup = Setup(socket: scratch.file("raw.sock"), key: "file: \"\(key)\"")
        let agent = try await SpawnedAgent(setup, scratch)
        let caller = try Caller(agent.socket)
        caller.call("old", Body.chat())
        try await eventually("the first call is there") { upstream.received.count == 1 }
        try scratch.write("key", "sk-new\n")
        agent.process.signal(SIGHUP)
        try await agent.process.says("configuration reloaded")
        caller.call("new", Body.chat())
        #expect(try await caller.end(of: "new").kind == "result")
        gate.open()
        #expect(try await caller.end(of: "old").kind == "result")
        let heads = upstream.received.map(\.head)
        #expect(heads.count == 2 && heads[0].contains("sk-old") && heads[1].contains("sk-new"))
        #expect(await agent.stop() == 0)
    }

    @Test("A key that others can read stops a reload, and the old key stays in force")
    func openKeyAtReload() async throws {
        let scratch = try Scratch()
        let upstream = try await provider(scratch, keys: ["sk-old"])
        let key = try scratch.write("key", "sk-old\n")
        let agent = try await SpawnedAgent(Setup(key: "file: \"\(key)\""), scratch)
        try scratch.write("key", "sk-new\n", mode: 0o644)
        agent.process.signal(SIGHUP)
        try await agent.process.says("chmod 600 \(key)")
        let caller = try Caller(agent.socket)
        caller.call("1", Body.chat())
        #expect(try await caller.end(of: "1").kind == "result")
        #expect(!agent.process.output.contains("sk-"))
        #expect(await agent.stop() == 0)
        await upstream.shutdown()
    }

    @Test("A key that others can read, one that is missing and one that is empty stop the start with exit code 78")
    func badKeysAtStart() async throws {
        let scratch = try Scratch()
        let open = try scratch.write("open", "sk-open\n", mode: 0o644)
        let empty = try scratch.write("empty", "")
        let cases = [
            ("file: \"\(open)\"", "others than its owner may use it"), ("file: \"\(scratch.file("none"))\"", "none"),
            ("env: SLUICE_NOT_SET", "$SLUICE_NOT_SET: is not set"), ("file: \"\(empty)\"", "is empty"),
        ]
        for (key, complaint) in cases {
            try scratch.write("config.yaml", Setup(key: key).yaml(scratch))
            let process = try Spawned(Binary.sluice, SpawnedAgent.arguments(scratch))
            #expect(await process.exitCode() == 78, "\(key)")
            #expect(process.output.contains(complaint), "\(process.output)")
            #expect(!process.output.contains("sk-open"))
        }
    }

    @Test("A change that only a restart can apply is said to need one, and the rest is applied")
    func restartNeeded() async throws {
        let scratch = try Scratch()
        let agent = try await SpawnedAgent(Setup(), scratch)
        let changed = Setup(agent: ["sockets:", "  agent:", "    mode: \"0600\""], limits: ["frame_size: 2KiB"])
        try scratch.write("config.yaml", changed.yaml(scratch))
        agent.process.signal(SIGHUP)
        try await agent.process.says("configuration reloaded")
        #expect(agent.process.output.contains("agent.sockets.agent.mode"))
        #expect(!agent.process.output.contains("limits.frame_size"))
        #expect(try await Caller(agent.socket).next("hello").int("max_frame") == 2048)
        #expect(await agent.stop() == 0)
    }

    @Test("A log level is applied by a reload, as its setting promises")
    func logLevel() async throws {
        let scratch = try Scratch()
        let agent = try await SpawnedAgent(Setup(), scratch)
        try scratch.write("config.yaml", Setup(agent: ["log:", "  level: error"]).yaml(scratch))
        agent.process.signal(SIGHUP)
        try await eventually("the reload is counted") {
            let metrics = try await HTTPExchange.get("/metrics", at: agent.statsSocket).body
            return metric(#"sluice_reloads_total{result="success"}"#, in: metrics) == 1
        }
        #expect(await agent.stop() == 0)
        #expect(!agent.process.output.contains("draining"))
    }
}
