import Testing

@Suite("Another model answers", .timeLimit(.minutes(1)))
struct FallbackTests {
    private static let toMini = ["default_fallbacks:", "  - {models: [big], to: [{model: mini}]}"]

    /// A house before an upstream whose models do as told.
    private func with(
        _ acts: [String: ModelUpstream.Act], _ more: [String] = toMini, retries: [String] = ["attempts: 1"],
        pool: [String] = [], ownPools: [(name: String, lines: [String])] = [],
        _ body: (House, ModelUpstream) async throws -> Void
    ) async throws {
        let scratch = try Scratch()
        let upstream = try ModelUpstream(scratch.file("raw.sock"), acts)
        let setup = Setup(
            pool: pool, retries: retries, socket: scratch.file("raw.sock"), ownPools: ownPools, more: more)
        try await House.with(setup) { try await body($0, upstream) }
    }

    private func expect(_ end: Event, from: String = "big", to: String = "mini", reason: String) {
        #expect(end.kind == "result", "\(end)")
        #expect(end.string("fallback.from") == from && end.string("fallback.to") == to, "\(end)")
        #expect(end.string("fallback.reason") == reason, "\(end)")
    }

    // MARK: What leads there

    @Test("A model that fails for good is replaced, after its attempts, and the caller is told")
    func onError() async throws {
        let retries = ["attempts: 2", "base: 1ms", "cap: 1ms"]
        try await with(["big": .serverError], retries: retries) { house, upstream in
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "big"))
            #expect(try await caller.next("retrying", "1").int("attempt") == 2)
            let second = try await caller.next("retrying", "1")
            #expect(second.int("attempt") == 3 && second.code == "provider_server_error")
            #expect(second.int("status") == 500)
            let end = try await caller.end(of: "1")
            expect(end, reason: "error")
            #expect(end.int("attempts") == 3 && end.string("model") == "mini")
            #expect(upstream.models == ["big", "big", "mini"])
            let fallbacks = #"sluice_fallbacks_total{pool="all",reason="error"}"#
            #expect(metric(fallbacks, in: try await house.metrics()) == 1)
        }
    }

    @Test("A model that answers is not replaced, and the result has no fallback")
    func notNeeded() async throws {
        try await with([:]) { house, upstream in
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "big"))
            let end = try await caller.end(of: "1")
            #expect(end.kind == "result" && !end.has("fallback"))
            #expect(upstream.models == ["big"])
        }
    }

    @Test("A request that the provider calls wrong is nobody else's to answer")
    func notOnInvalid() async throws {
        let wrong = ModelUpstream.Act.fail(
            status: 400, error: #"{"message":"no","type":"invalid_request_error"}"#, headers: "")
        try await with(["big": wrong]) { house, upstream in
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "big"))
            #expect(try await caller.end(of: "1").code == "provider_invalid_request")
            #expect(upstream.models == ["big"])
        }
    }

    @Test("An account without quota is left, and later calls do not try it first")
    func onQuota() async throws {
        try await with(["big": .outOfQuota], ownPools: [("big", [])]) { house, upstream in
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "big"))
            let end = try await caller.end(of: "1")
            expect(end, reason: "quota_exhausted")
            #expect(end.int("attempts") == 2)
            #expect(try await house.status().has("pools.0.avoided_ms"))
            caller.call("2", Body.tagged("2", model: "big"))
            let later = try await caller.end(of: "2")
            expect(later, reason: "quota_exhausted")
            #expect(later.int("attempts") == 1)
            #expect(upstream.models == ["big", "mini", "mini"])
        }
    }

    @Test("An open breaker sends the call on at once")
    func onBreaker() async throws {
        try await with([:], ownPools: [("big", [])]) { house, upstream in
            #expect(try await house.admin("/breaker?pool=big&state=open").status == 200)
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "big"))
            let end = try await caller.end(of: "1")
            expect(end, reason: "breaker_open")
            #expect(end.int("attempts") == 1 && upstream.models == ["mini"])
            #expect(caller.unread("retrying").isEmpty)
        }
    }

    @Test("A breaker that opens sends on who waits behind it, with the pool it waits for now")
    func breakerOpensWhileWaiting() async throws {
        try await with([:], ownPools: [("big", ["max_in_flight: 1"])]) { house, upstream in
            let gate = upstream.hold("big")
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "big"))
            caller.call("2", Body.tagged("2", model: "big"))
            #expect(try await caller.next("queued", "2").string("pool") == "big")
            #expect(try await house.admin("/breaker?pool=big&state=open").status == 200)
            expect(try await caller.end(of: "2"), reason: "breaker_open")
            gate.open()
            #expect(try await !caller.end(of: "1").has("fallback"))
        }
    }

    @Test("A wait past the deadline sends the call on")
    func onDeadline() async throws {
        try await with([:], ownPools: [("big", ["requests_per_minute: 13"])]) { house, upstream in
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "big"), #""lane":"interactive""#)
            #expect(try await !caller.end(of: "1").has("fallback"))
            caller.call("2", Body.tagged("2", model: "big"), #""lane":"interactive","deadline_ms":1000"#)
            expect(try await caller.end(of: "2"), reason: "deadline_unmeetable")
            #expect(upstream.models == ["big", "mini"])
        }
    }

    @Test("on limits a step to its reasons: overload leads to a fallback only where it is named")
    func onOverload() async throws {
        let named = ["default_fallbacks:", "  - {models: [big], to: [{model: mini, on: [overloaded]}]}"]
        let pool = ["max_in_flight: 1", "queue_calls: 1"]
        for (more, leads) in [(named, true), (Self.toMini, false)] {
            try await with([:], more, ownPools: [("big", pool)]) { house, upstream in
                let gate = upstream.hold("big")
                let caller = try house.connect()
                for number in 1...3 { caller.call("\(number)", Body.tagged("\(number)", model: "big")) }
                let end = try await caller.end(of: "3")
                if leads { expect(end, reason: "overloaded") } else { #expect(end.code == "policy_queue_full") }
                gate.open()
                #expect(try await caller.end(of: "2").kind == "result")
            }
        }
    }

    // MARK: Chains

    @Test("A chain goes on until a model answers, and says the last one")
    func chain() async throws {
        let more = ["default_fallbacks:", "  - {models: [big], to: [{model: mini}, {model: tiny}]}"]
        try await with(["big": .serverError, "mini": .serverError], more) { house, upstream in
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "big"))
            let end = try await caller.end(of: "1")
            expect(end, to: "tiny", reason: "error")
            #expect(end.int("attempts") == 3 && upstream.models == ["big", "mini", "tiny"])
        }
    }

    @Test("A chain that fails to its end is the last one's error, with all attempts")
    func chainFails() async throws {
        try await with(["big": .serverError, "mini": .serverError]) { house, upstream in
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "big"))
            let end = try await caller.end(of: "1")
            #expect(end.code == "provider_server_error" && end.int("attempts") == 2)
            #expect(upstream.models == ["big", "mini"])
        }
    }

    @Test("A feature's chain takes the place of the usual one, and an empty one is none")
    func featureChain() async throws {
        let more =
            Self.toMini + [
                "features:", "  - {name: own, fallbacks: [{model: tiny}]}", "  - {name: bare, fallbacks: []}",
                "  - {name: other}",
            ]
        try await with(["big": .serverError], more) { house, _ in
            let caller = try house.connect()
            for (feature, model) in [("own", "tiny"), ("other", "mini"), ("unknown", "mini")] {
                caller.call(feature, Body.tagged("1", model: "big"), #""feature":"\#(feature)""#)
                expect(try await caller.end(of: feature), to: model, reason: "error")
            }
            caller.call("bare", Body.tagged("1", model: "big"), #""feature":"bare""#)
            #expect(try await caller.end(of: "bare").code == "provider_server_error")
        }
    }

    @Test("A pattern that makes a model its own fallback does not try it twice")
    func ownFallback() async throws {
        let more = ["default_fallbacks:", "  - {models: [\"*\"], to: [{model: mini}, {model: tiny}]}"]
        try await with(["mini": .serverError], more) { house, upstream in
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "mini"))
            expect(try await caller.end(of: "1"), from: "mini", to: "tiny", reason: "error")
            #expect(upstream.models == ["mini", "tiny"])
        }
    }

    @Test("A step may name another upstream, which gets the call with its own key")
    func otherUpstream() async throws {
        let scratch = try Scratch()
        let first = try ModelUpstream(scratch.file("first.sock"), ["big": .serverError])
        let second = try ModelUpstream(scratch.file("second.sock"))
        let more = ["default_fallbacks:", "  - {models: [big], to: [{model: mini, upstream: other}]}"]
        let setup = Setup(
            retries: ["attempts: 1"], socket: scratch.file("first.sock"), otherSocket: scratch.file("second.sock"),
            more: more)
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "big"))
            expect(try await caller.end(of: "1"), reason: "error")
            #expect(first.models == ["big"] && second.models == ["mini"])
            #expect(second.received[0].head.contains("sk-spare") && !second.received[0].head.contains("sk-test"))
        }
    }

    @Test("A reload puts a new chain in force")
    func reloaded() async throws {
        let scratch = try Scratch()
        let upstream = try ModelUpstream(scratch.file("raw.sock"), ["big": .serverError])
        var setup = Setup(retries: ["attempts: 1"], socket: scratch.file("raw.sock"))
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "big"))
            #expect(try await caller.end(of: "1").code == "provider_server_error")
            setup.more = Self.toMini
            try await house.reload(setup)
            caller.call("2", Body.tagged("2", model: "big"))
            expect(try await caller.end(of: "2"), reason: "error")
            #expect(upstream.models == ["big", "big", "mini"])
        }
    }

    // MARK: Bodies

    @Test(
        "The body that falls back is the caller's with another model in it, byte for byte",
        arguments: [
            #"{"model":"big","messages":[]}"#,
            #"{ "messages":[{"content":"model \ud83d é"}] , "model" : "big" ,"n":1e400}"#,
            #"{"messages":[],"stream":true,"model":"big"}"#, #"{"model":"big","messages":[],"stream":true}"#,
            #"{"stream_options":{"include_usage":false},"model":"big","stream":true,"messages":[]}"#,
            #"{"model":"big","stream":true,"messages":[],"stream_options":{"x":1}}"#,
            #"{"stream_options":null,"stream":true,"model":"big"}"#,
            #"{"stream":true,"stream_options":{"include_usage":true},"model":"big"}"#,
        ])
    func bytes(body: String) async throws {
        try await with(["big": .serverError, "mini": body.contains("true") ? .stream : .answer]) { house, upstream in
            let caller = try house.connect()
            caller.call("1", body)
            expect(try await caller.end(of: "1"), reason: "error")
            let sent = upstream.bodies
            #expect(sent.count == 2 && upstream.models == ["big", "mini"])
            #expect(sent[1] == sent[0].replacing(#""big""#, with: #""mini""#))
            if !body.contains("stream") { #expect(sent[0] == body) }
        }
    }

    @Test("A model's name that is written with escapes is replaced whole, and told as it reads")
    func escapedName() async throws {
        try await with(["big": .serverError]) { house, upstream in
            let caller = try house.connect()
            caller.call("1", #"{"model":"b\u0069g","messages":[]}"#)
            expect(try await caller.end(of: "1"), reason: "error")
            #expect(upstream.bodies.last == #"{"model":"mini","messages":[]}"#)
        }
    }

    // MARK: Streams

    @Test("A stream falls back before its first chunk, and its chunks count from 0")
    func stream() async throws {
        try await with(["big": .serverError, "mini": .stream]) { house, _ in
            let caller = try house.connect()
            caller.call("1", Body.chat("big", stream: true))
            let end = try await caller.end(of: "1")
            expect(end, reason: "error")
            #expect(end.string("finish") == "complete" && caller.unread("chunk").map { $0.int("seq") } == [0])
        }
    }

    @Test("After the first chunk no other model takes over")
    func streamAfterChunk() async throws {
        try await with(["big": .chunkThenCut, "mini": .stream]) { house, upstream in
            let caller = try house.connect()
            caller.call("1", Body.chat("big", stream: true))
            let end = try await caller.end(of: "1")
            #expect(end.kind == "result" && end.string("finish") == "truncated" && !end.has("fallback"))
            #expect(upstream.models == ["big"])
        }
    }
}
