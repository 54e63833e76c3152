import SluiceProvider
import Testing

@Suite("Waiting, and being refused", .timeLimit(.minutes(1)))
struct WaitingTests {
    @Test("queued comes again when the position has changed, at most once a second, and never to repeat itself")
    func updates() async throws {
        let scratch = try Scratch()
        let upstream = try ModelUpstream(scratch.file("raw.sock"))
        let gate = upstream.hold("m")
        try await House.with(Setup(pool: ["max_in_flight: 1"], socket: scratch.file("raw.sock"))) { house in
            let caller = try house.connect()
            caller.call("busy", Body.tagged("busy"))
            try await eventually("the only place is taken") { upstream.received.count == 1 }
            caller.call("late", Body.tagged("late"), #""deadline_ms":80000"#)
            #expect(try await caller.next("queued", "late").int("position") == 0)
            let clock = ContinuousClock()
            let begin = clock.now
            for number in 0..<5 {
                caller.call("\(number)", Body.tagged("\(number)"), #""deadline_ms":70000"#)
                _ = try await caller.next("queued", "\(number)")
            }
            var updates = [try await caller.next("queued", "late")]
            while (updates.last?.int("position") ?? 0) < 2 { updates.append(try await caller.next("queued", "late")) }
            // As many as there were seconds, and one for the second that had begun.
            let seconds = Int((clock.now - begin) / .seconds(1))
            #expect(updates.count <= seconds + 1)
            #expect(zip(updates, updates.dropFirst()).allSatisfy { $0.int("position") != $1.int("position") })
            for number in 0..<5 {
                caller.cancel("\(number)")
                #expect(try await caller.end(of: "\(number)").string("charged") == "none")
            }
            _ = try await caller.first { $0.kind == "queued" && $0.id == "late" && $0.int("position") == 0 }
            gate.open()
            #expect(try await caller.end(of: "late").kind == "result")
            #expect(upstream.users == ["busy", "late"])
        }
    }

    @Test("started tells the wait that is over, not an earlier one")
    func waitBeforeRetry() async throws {
        let scratch = try Scratch()
        let upstream = try ModelUpstream(scratch.file("raw.sock"), ["bad": .serverError])
        let gates = ["bad", "m"].map { upstream.hold($0) }
        try await House.with(Setup(pool: ["max_in_flight: 1"], socket: scratch.file("raw.sock"))) { house in
            let caller = try house.connect()
            caller.call("1", Body.tagged("1", model: "bad"))
            try await eventually("the only place is taken") { upstream.received.count == 1 }
            caller.call("2", Body.tagged("2"), #""lane":"interactive""#)
            _ = try await caller.next("queued", "2")
            // The first fails, the second takes its place, and the first waits for another.
            gates[0].open()
            _ = try await caller.next("retrying", "1")
            upstream.set("bad", .answer)
            _ = try await caller.next("queued", "1")
            gates[1].open()
            let started = try await caller.next("started", "1")
            #expect(started.int("attempt") == 2)
            let end = try await caller.end(of: "1")
            // When it came it went at once; before its second attempt it was told that it waited.
            let (first, second) = (try #require(end.int("timing.queued_ms")), started.int("waited_ms") ?? 0)
            #expect(end.kind == "result" && second > first)
        }
    }

    @Test("progress false silences the updates too")
    func silent() async throws {
        let scratch = try Scratch()
        let upstream = try ModelUpstream(scratch.file("raw.sock"))
        let gate = upstream.hold("m")
        try await House.with(Setup(pool: ["max_in_flight: 1"], socket: scratch.file("raw.sock"))) { house in
            let caller = try house.connect()
            caller.call("busy", Body.tagged("busy"))
            try await eventually("the only place is taken") { upstream.received.count == 1 }
            caller.call("silent", Body.tagged("s"), #""deadline_ms":80000,"progress":false"#)
            caller.call("told", Body.tagged("t"), #""deadline_ms":90000"#)
            _ = try await caller.next("queued", "told")
            for number in 0..<4 { caller.call("\(number)", Body.tagged("f"), #""deadline_ms":70000"#) }
            // The beat that tells the one has passed over the other.
            #expect(try #require(try await caller.next("queued", "told").int("position")) > 2)
            gate.open()
            #expect(try await caller.end(of: "silent").kind == "result")
            #expect(!caller.unread("queued").contains { $0.id == "silent" })
        }
    }

    @Test("A call that comes back after retry_after_ms is let in, and one that comes at once is refused again")
    func retryAfter() async throws {
        try await House.with(Setup(pool: ["requests_per_minute: 30"])) { house in
            let caller = try house.connect()
            let options = #""lane":"interactive","deadline_ms":500"#
            // The bucket holds two.
            for id in ["1", "2"] {
                caller.call(id, Body.chat(), options)
                #expect(try await caller.end(of: id).kind == "result")
            }
            let clock = ContinuousClock()
            var due: ContinuousClock.Instant?
            var refusals = 0
            var number = 2
            try await eventually("the call is let in") {
                number += 1
                let sentAt = clock.now
                caller.call("\(number)", Body.chat(), options)
                let end = try await caller.end(of: "\(number)")
                if end.kind == "result" { return true }
                guard end.code == "policy_deadline_unmeetable" else {
                    // Let in on the very edge of its deadline it may miss it, and what it took is taken.
                    #expect(end.code == "policy_deadline_exceeded")
                    due = nil
                    return false
                }
                refusals += 1
                let wait = try #require(end.int("retry_after_ms"))
                // One each 2.1 s, less the half second that the call would have waited.
                #expect((1...2_200).contains(wait))
                if let due { #expect(sentAt < due, "refused after the time that was promised") }
                due = due ?? clock.now + .milliseconds(wait)
                return false
            }
            #expect(refusals > 0)
        }
    }

    @Test("A lane that stands too long is shed: some calls are refused, the others are served")
    func shedding() async throws {
        let more = ["lanes:", "  normal:", "    shed_target: 1ms", "    shed_interval: 10ms"]
        try await House.with(Setup(pool: ["max_in_flight: 1"], more: more)) { house in
            let caller = try house.connect()
            for number in 0..<30 { caller.call("\(number)", Body.fault("fault=delay,delay-ms=15")) }
            var refused: [Event] = []
            for number in 0..<30 {
                let end = try await caller.end(of: "\(number)")
                if end.kind == "error" { refused.append(end) }
            }
            #expect(!refused.isEmpty && refused.count < 30)
            for end in refused {
                #expect(end.code == "policy_overloaded" && end.string("limit") == "shed_target")
                #expect(end.bool("retryable") == true && end.has("retry_after_ms"))
                #expect(end.int("attempts") == 0 && end.string("charged") == "none")
            }
            #expect(house.provider.stats().requests == 30 - refused.count)
        }
    }

    @Test("A lane without a shed_target lets calls stand until their deadline")
    func noShedding() async throws {
        let more = ["lanes:", "  interactive:", "    shed_target: off"]
        try await House.with(Setup(pool: ["max_in_flight: 1"], more: more)) { house in
            let caller = try house.connect()
            for number in 0..<20 {
                caller.call("\(number)", Body.fault("fault=delay,delay-ms=15"), #""lane":"interactive""#)
            }
            for number in 0..<20 { #expect(try await caller.end(of: "\(number)").kind == "result") }
        }
    }
}
