import Foundation
import Glibc
import SluiceProvider
import Testing

@Suite("Stopping by SIGTERM, in a process of its own", .timeLimit(.minutes(1)))
struct DrainTests {
    @Test("A stream in flight finishes, a new call is refused, everybody is told, and the exit code is 0")
    func graceful() async throws {
        let scratch = try Scratch()
        let gate = Gate()
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            exchange.beginStream()
            exchange.event(#"{"model":"m"}"#)
            gate.pass()
            exchange.event(#"{"model":"m"}"#)
            exchange.event("[DONE]")
            return false
        }
        let setup = Setup(agent: ["drain_timeout: 30s"], socket: scratch.file("raw.sock"))
        let agent = try await SpawnedAgent(setup, scratch)
        let caller = try Caller(agent.socket)
        caller.call("s", Body.chat(stream: true))
        _ = try await caller.next("chunk", "s")
        let idle = try Caller(agent.socket)
        try await idle.ping()
        agent.process.signal(SIGTERM)
        let goaway = try await caller.next("goaway")
        #expect(goaway.string("reason") == "draining" && goaway.int("drain_ms") == 30_000)
        caller.call("new", Body.chat())
        let refused = try await caller.end(of: "new")
        #expect(refused.code == "policy_draining" && refused.bool("retryable") == true)
        #expect(refused.string("charged") == "none")
        // Nothing is in flight on this one, so it is closed next.
        #expect(await idle.untilClosed().last?.kind == "goaway")
        #expect(try await HTTPExchange.get("/readyz", at: agent.statsSocket).status == 503)
        #expect(try await agent.status().string("state") == "draining")
        #expect(throws: (any Error).self) { try Caller(agent.socket) }
        gate.open()
        #expect(try await caller.end(of: "s").string("finish") == "complete")
        #expect(await agent.process.exitCode() == 0)
        _ = await caller.untilClosed()
        #expect(upstream.received.count == 1)
        #expect(!FileManager.default.fileExists(atPath: agent.socket))
    }

    @Test("What outlasts drain_timeout ends with policy_draining and an honest charge; the exit code is 0 all the same")
    func overtime() async throws {
        let scratch = try Scratch()
        let gate = Gate()
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            if String(decoding: exchange.body, as: UTF8.self).contains("stream") {
                exchange.beginStream()
                exchange.event(#"{"model":"m"}"#)
            }
            gate.pass()
            return false
        }
        let setup = Setup(
            agent: ["drain_timeout: 100ms"], pool: ["max_in_flight: 2"], socket: scratch.file("raw.sock"))
        let agent = try await SpawnedAgent(setup, scratch)
        let caller = try Caller(agent.socket)
        caller.call("plain", Body.chat())
        caller.call("stream", Body.chat(stream: true))
        _ = try await caller.next("chunk", "stream")
        try await eventually("both are at the provider") { upstream.received.count == 2 }
        for number in 0..<20 { caller.call("q\(number)", Body.chat()) }
        _ = try await caller.next("queued", "q19")
        agent.process.signal(SIGTERM)
        let plain = try await caller.end(of: "plain")
        #expect(plain.code == "policy_draining" && plain.string("charged") == "estimated")
        let stream = try await caller.end(of: "stream")
        #expect(stream.string("finish") == "failed" && stream.string("error.code") == "policy_draining")
        #expect(stream.string("charged") == "estimated")
        for number in 0..<20 {
            let end = try await caller.end(of: "q\(number)")
            #expect(end.code == "policy_draining" && end.string("charged") == "none")
            #expect(end.int("attempts") == 0)
        }
        #expect(await agent.process.exitCode() == 0)
        gate.open()
        #expect(upstream.received.count == 2)
    }

    @Test("SIGINT is the same, and an idle agent ends at once")
    func interrupt() async throws {
        let scratch = try Scratch()
        let agent = try await SpawnedAgent(Setup(agent: ["drain_timeout: 1h"]), scratch)
        let caller = try Caller(agent.socket)
        try await caller.ping()
        agent.process.signal(SIGINT)
        #expect(await agent.process.exitCode() == 0)
        #expect(await caller.untilClosed().last?.kind == "goaway")
    }
}
