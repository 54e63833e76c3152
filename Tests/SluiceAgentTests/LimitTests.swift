import Testing

@Suite("Limits of tokens, images and days, and what is learned of tokens", .timeLimit(.minutes(1)))
struct LimitTests {
    private func with(_ pool: [String], _ body: (House, ModelUpstream) async throws -> Void) async throws {
        let scratch = try Scratch()
        let upstream = try ModelUpstream(scratch.file("raw.sock"))
        let setup = Setup(pool: pool, socket: scratch.file("raw.sock"))
        try await House.with(setup) { try await body($0, upstream) }
    }

    @Test("What a call without a maximum reserves follows what calls really use")
    func learned() async throws {
        try await with(["tokens_per_minute: 60000"]) { house, upstream in
            let caller = try house.connect()
            let lane = #""lane":"interactive""#
            // Of a model that nothing is known of, each reserves some 260 of the 4,750 that a burst may take.
            let first = upstream.hold("m")
            for number in 0..<30 { caller.call("a\(number)", Body.tagged("a"), lane) }
            try await caller.ping()
            #expect(!caller.unread("queued").isEmpty && upstream.received.count < 30)
            first.open()
            for number in 0..<30 { #expect(try await caller.end(of: "a\(number)").kind == "result") }
            // Each had used twelve: all of fifty go at once now.
            _ = caller.unread("queued")
            let second = upstream.hold("m")
            for number in 0..<50 { caller.call("b\(number)", Body.tagged("b"), lane) }
            try await eventually("all are with the provider at once") { upstream.received.count == 80 }
            #expect(!caller.unread("queued").contains { $0.id?.hasPrefix("b") == true })
            second.open()
            for number in 0..<50 { #expect(try await caller.end(of: "b\(number)").kind == "result") }
            let metrics = try await house.metrics()
            let counts = ["tenant", "model", "documented"].map {
                metric(#"sluice_token_estimate_error_ratio_count{basis="\#($0)"}"#, in: metrics)
            }
            #expect(counts.reduce(0, +) == 80 && counts[0] > 0 && counts[2] > 0)
        }
    }

    @Test("A maximum that the call names is what is reserved")
    func asked() async throws {
        try await with(["tokens_per_minute: 60000"]) { house, upstream in
            let caller = try house.connect()
            let gate = upstream.hold("m")
            let body = #"{"model":"m","max_tokens":4000,"messages":[]}"#
            caller.call("1", body, #""lane":"interactive""#)
            try await eventually("the first is under way") { upstream.received.count == 1 }
            caller.call("2", body, #""lane":"interactive""#)
            #expect(try #require(try await caller.next("queued", "2").int("eta_ms")) > 1_000)
            gate.open()
            // It used twelve, and what was reserved too much is there for others.
            #expect(try await caller.end(of: "2").kind == "result")
        }
    }

    @Test("Images are counted by n: beyond a burst they wait, beyond a minute they are refused for good")
    func images() async throws {
        try await with(["images_per_minute: 60"]) { house, _ in
            let caller = try house.connect()
            func draw(_ id: String, _ count: Int) {
                let body = #"{"model":"dall-e","prompt":"x","n":\#(count)}"#
                caller.call(id, body, path: "/v1/images/generations", #""lane":"interactive""#)
            }
            draw("1", 4)
            #expect(try await caller.end(of: "1").kind == "result")
            draw("2", 2)
            _ = try await caller.next("queued", "2")
            draw("3", 61)
            let end = try await caller.end(of: "3")
            #expect(end.code == "policy_exceeds_limit" && end.string("limit") == "images_per_minute")
            // Chats need no images.
            caller.call("4", Body.tagged("4"), #""lane":"interactive""#)
            #expect(try await caller.end(of: "4").kind == "result")
        }
    }

    @Test("A day's requests are a limit: when they are spent, who cannot wait until they come back is told when")
    func day() async throws {
        try await with(["requests_per_day: 3"]) { house, upstream in
            let caller = try house.connect()
            for number in 0..<3 {
                caller.call("\(number)", Body.tagged("\(number)"))
                #expect(try await caller.end(of: "\(number)").kind == "result")
            }
            caller.call("3", Body.tagged("3"))
            let end = try await caller.end(of: "3")
            #expect(end.code == "policy_deadline_unmeetable")
            #expect(try #require(end.int("retry_after_ms")) > 23 * 3_600_000)
            #expect(upstream.received.count == 3)
        }
    }
}
