import Foundation
import SluiceWire
import Testing

@testable import SluiceAgent

@Suite("The trace of a running agent", .timeLimit(.minutes(1)))
struct TraceTests {
    private func lines(_ path: String) throws -> [Event] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { Event(payload: Array($0.utf8)) }
    }

    @Test("One line for each call, refused ones too, with names, sizes and times and without a word of it")
    func run() async throws {
        let scratch = try Scratch()
        let file = scratch.file("trace.jsonl")
        let setup = Setup(pool: ["tokens_per_minute: 100000"], more: ["trace:", "  file: \(file)"])
        let size = Body.chat(text: "a prompt").utf8.count
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat(text: "a prompt"), #""tenant":"acme","feature":"chat","lane":"batch""#)
            _ = try await caller.end(of: "1")
            caller.call("2", Body.chat(stream: true, text: "a prompt"), #""deadline_ms":7000"#)
            _ = try await caller.end(of: "2")
            caller.call("3", Body.fault("fault=400"))
            _ = try await caller.end(of: "3")
            caller.call("4", #"{"model":"m","max_tokens":200000,"messages":[]}"#)
            _ = try await caller.end(of: "4")
            caller.call("5", Body.fault("fault=500,times=1"))
            _ = try await caller.end(of: "5")
            caller.call("6", Body.fault("fault=hang"))
            try await house.underWay(1)
            caller.cancel("6")
            _ = try await caller.end(of: "6")
        }
        let lines = try lines(file)
        #expect(lines.count == 6)
        let plain = try #require(lines.first)
        #expect(plain.string("tenant") == "acme" && plain.string("feature") == "chat")
        #expect(plain.string("lane") == "batch" && plain.string("model") == "gpt-4o-mini")
        #expect(plain.string("endpoint") == "chat/completions" && plain.string("pool") == "all")
        #expect(plain.int("bytes") == size && plain.bool("stream") == false && plain.int("deadline_ms") == 600_000)
        #expect(plain.string("outcome") == "ok" && plain.int("status") == 200 && plain.int("attempts") == 1)
        #expect((plain.int("reserved_tokens") ?? 0) > 0 && (plain.int("input_tokens") ?? 0) > 0)
        #expect((plain.int("output_tokens") ?? 0) > 0)
        #expect((plain.int("upstream_us") ?? 0) >= (plain.int("first_byte_us") ?? .max))
        #expect(plain.has("queued_us"))
        #expect(lines[1].bool("stream") == true && lines[1].int("deadline_ms") == 7_000)
        #expect(lines[2].string("outcome") == "provider_invalid_request" && lines[2].int("status") == 400)
        #expect(lines[3].string("outcome") == "policy_exceeds_limit" && lines[3].int("attempts") == 0)
        #expect(lines[3].int("max_output") == 200_000 && !lines[3].has("upstream_us"))
        #expect(lines[4].string("outcome") == "ok" && lines[4].int("attempts") == 2)
        #expect(lines[5].string("outcome") == "caller_cancelled")
        let times = lines.compactMap { $0.int("at_us") }
        #expect(times.count == 6 && times == times.sorted())
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(!text.contains("prompt\"") && !text.contains("a prompt") && !text.contains("sk-test"))
    }

    @Test("A call that fell back is on one line, with the model that was asked for and the pool that answered")
    func fallback() async throws {
        let scratch = try Scratch()
        let upstream = try ModelUpstream(scratch.file("raw.sock"), ["big": .serverError])
        let file = scratch.file("trace.jsonl")
        let more = ["default_fallbacks:", "  - {models: [big], to: [{model: mini}]}", "trace:", "  file: \(file)"]
        let setup = Setup(
            retries: ["attempts: 1"], socket: scratch.file("raw.sock"), ownPools: [("big", [])], more: more)
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "big"))
            #expect(try await caller.end(of: "1").has("fallback"))
        }
        let lines = try lines(file)
        #expect(upstream.models == ["big", "mini"] && lines.count == 1)
        #expect(lines.first?.string("model") == "big" && lines.first?.string("pool") == "all")
        #expect(lines.first?.int("attempts") == 2 && lines.first?.string("outcome") == "ok")
    }

    @Test("A call that wants no progress and moved while it waited is recorded where it was last")
    func movedSilently() async throws {
        let scratch = try Scratch()
        let upstream = try ModelUpstream(scratch.file("raw.sock"))
        let gates = ["big", "mini"].map { upstream.hold($0) }
        let file = scratch.file("trace.jsonl")
        let more = ["default_fallbacks:", "  - {models: [big], to: [{model: mini}]}", "trace:", "  file: \(file)"]
        let one = ["max_in_flight: 1"]
        let setup = Setup(pool: one, socket: scratch.file("raw.sock"), ownPools: [("big", one)], more: more)
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "big"))
            caller.call("2", Body.tagged("2", model: "mini"))
            try await eventually("both pools are full") { upstream.received.count == 2 }
            caller.call("3", Body.tagged("3", model: "big"), #""progress":false,"tenant":"moved""#)
            try await caller.ping()
            _ = try await house.admin("/breaker?pool=big&state=open")
            #expect(try await house.status().int("pools.1.queued") == 1)
            caller.cancel("3")
            #expect(try await caller.end(of: "3").code == "caller_cancelled")
            for gate in gates { gate.open() }
            for id in ["1", "2"] { #expect(try await caller.end(of: id).kind == "result") }
        }
        let moved = try #require(try lines(file).first { $0.string("tenant") == "moved" })
        #expect(moved.string("pool") == "all" && moved.string("model") == "big")
    }

    @Test("A reload moves the trace, and ends it")
    func reload() async throws {
        let scratch = try Scratch()
        var setup = Setup(more: ["trace:", "  file: \(scratch.file("one"))"])
        try await House.with(setup) { house in
            let caller = try house.connect()
            func call(_ id: String, _ tenant: String) async throws {
                caller.call(id, Body.chat(), #""tenant":"\#(tenant)""#)
                #expect(try await caller.end(of: id).kind == "result")
            }
            try await call("1", "first")
            setup.more = ["trace:", "  file: \(scratch.file("two"))"]
            try await house.reload(setup)
            try await call("2", "second")
            try await eventually("the first trace is whole") {
                try self.lines(scratch.file("one")).map { $0.string("tenant") } == ["first"]
            }
            setup.more = []
            try await house.reload(setup)
            try await call("3", "third")
            try await eventually("the second trace is whole") {
                try self.lines(scratch.file("two")).map { $0.string("tenant") } == ["second"]
            }
        }
        let all = try ["one", "two"].flatMap { try lines(scratch.file($0)) }
        #expect(all.map { $0.string("tenant") } == ["first", "second"])
    }

    @Test("A trace that cannot be begun is complained of, and calls go on")
    func cannotOpen() async throws {
        let scratch = try Scratch()
        let provider = try ModelUpstream(scratch.file("up.sock"))
        let setup = Setup(more: ["trace:", "  file: \(scratch.file("none/trace"))"])
        let agent = try await SpawnedAgent(setup, scratch)
        try await agent.process.says("no trace is recorded")
        let caller = try Caller(agent.socket)
        caller.call("1", Body.tagged("1"))
        #expect(try await caller.end(of: "1").kind == "result")
        #expect(provider.received.count == 1)
        #expect(await agent.stop() == 0)
    }
}

@Suite("Answers in place of a refusal", .timeLimit(.minutes(1)))
struct DegradedAnswerTests {
    private func with(_ body: (House, ModelUpstream, Caller) async throws -> Void) async throws {
        let scratch = try Scratch()
        let upstream = try ModelUpstream(scratch.file("raw.sock"))
        let setup = Setup(pool: ["max_in_flight: 1"], socket: scratch.file("raw.sock"))
        try await House.with(setup) { house in
            try await house.agent.answerRefused { plan, code in
                guard code == .policyCircuitOpen, let feature = plan.feature else { return nil }
                return Array(#"{"instead_of":"\#(feature)"}"#.utf8)
            }
            try await body(house, upstream, try house.connect())
        }
    }

    @Test("A call before an open breaker gets the answer of the hook; without one, its error")
    func refusedOnArrival() async throws {
        try await with { house, upstream, caller in
            _ = try await house.admin("/breaker?pool=all&state=open")
            caller.call("1", Body.tagged("1"), #""feature":"reply""#)
            let end = try await caller.end(of: "1")
            #expect(end.kind == "result" && end.int("status") == 200 && end.string("body.instead_of") == "reply")
            #expect(end.int("attempts") == 0 && end.string("charged") == "none" && !end.has("usage"))
            caller.call("2", Body.tagged("2"))
            #expect(try await caller.end(of: "2").code == "policy_circuit_open")
            // A stream's consumer expects chunks.
            caller.call("3", Body.chat("m", stream: true), #""feature":"reply""#)
            #expect(try await caller.end(of: "3").code == "policy_circuit_open")
            #expect(upstream.received.isEmpty)
        }
    }

    @Test("So does a call that waited when the breaker opened, and its id is free again")
    func refusedWhileWaiting() async throws {
        try await with { house, upstream, caller in
            let gate = upstream.hold("m")
            caller.call("busy", Body.tagged("busy"))
            try await eventually("the only place is taken") { upstream.received.count == 1 }
            caller.call("1", Body.tagged("1"), #""feature":"reply""#)
            _ = try await caller.next("queued", "1")
            _ = try await house.admin("/breaker?pool=all&state=open")
            let end = try await caller.end(of: "1")
            #expect(end.string("body.instead_of") == "reply" && end.int("attempts") == 0)
            _ = try await house.admin("/breaker?pool=all&state=auto")
            gate.open()
            caller.call("1", Body.tagged("1"))
            #expect(try await caller.end(of: "1").string("body.model") == "m")
        }
    }
}
