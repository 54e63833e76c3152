import SluiceProvider
import Testing

@Suite("Flow control", .timeLimit(.minutes(1)))
struct FlowTests {
    private static let small = Setup(limits: ["stream_credit: 1KiB", "slow_consumer_timeout: 1s"])
    /// Far more than the socket buffers and credits on the way can hold.
    private static let long = Body.fault("output-tokens=5000", stream: true)

    @Test("A stream without credit stops, everybody else goes on, and a grant sets it going again")
    func stallsOnlyItself() async throws {
        try await House.with(Setup(limits: ["stream_credit: 1KiB"])) { house in
            let caller = try house.connect()
            caller.call("slow", Self.long)
            try await eventually("the stream has stopped") {
                try await caller.ping()
                return Self.spent(caller.unread("chunk")) >= 1024
            }
            // The credit is 0 or below: not one chunk more, whatever happens beside it.
            let before = caller.unread("chunk").count
            for number in 0..<5 {
                caller.call("\(number)", Body.chat(stream: true))
                caller.grant("\(number)", 16_777_216)
                #expect(try await caller.end(of: "\(number)").kind == "result")
            }
            let slow = caller.unread("chunk").filter { $0.id == "slow" }
            #expect(slow.count == before)
            try await eventually("only its transfer is left") { house.provider.stats().streamsActive == 1 }
            caller.grant("slow", 16_777_216)
            let end = try await caller.end(of: "slow")
            #expect(end.string("finish") == "complete")
            let chunks = caller.unread("chunk").filter { $0.id == "slow" }
            #expect(chunks.map { $0.int("seq") } == Array(0..<chunks.count) && chunks.count > before)
        }
    }

    @Test("Credit goes below 0 by one chunk at most")
    func overdraft() async throws {
        let scratch = try Scratch()
        let gate = Gate()
        let data = #"{"text":"\#(String(repeating: "x", count: 700))"}"#
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            exchange.beginStream()
            for _ in 0..<6 { exchange.event(data) }
            exchange.event("[DONE]")
            gate.pass()
            return false
        }
        let setup = Setup(limits: ["stream_credit: 1KiB"], socket: scratch.file("raw.sock"))
        try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat(stream: true))
            _ = try await caller.first { $0.int("seq") == 1 }
            #expect(try await !caller.hasMore(of: "2"))
            #expect(caller.unread("chunk").count == 1, "1,024 carries two chunks of 711 bytes, one is read already")
            caller.grant("1", 400)
            _ = try await caller.first { $0.int("seq") == 2 }
            caller.grant("1", 1)
            try await caller.ping()
            #expect(!caller.unread("chunk").contains { $0.int("seq") == 3 })
            caller.grant("1", 16_777_216)
            gate.open()
            #expect(try await caller.end(of: "1").string("finish") == "complete")
            #expect(upstream.received.count == 1)
        }
    }

    @Test("The end of a stream needs no credit, and never overtakes data that waits")
    func endWaits() async throws {
        try await House.with(Setup(limits: ["stream_credit: 1KiB"])) { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("output-tokens=12", stream: true))
            _ = try await caller.next("chunk", "1")
            try await eventually("the provider has finished") { house.provider.stats().inFlight == 0 }
            #expect(try await !caller.hasMore(of: "none"))
            #expect(!caller.unread("result").contains { $0.id == "1" })
            caller.grant("1", 1_000_000)
            let end = try await caller.end(of: "1")
            #expect(end.string("finish") == "complete" && end.string("charged") == "exact")
        }
    }

    @Test("A consumer that grants nothing loses its stream, and the transfer is closed")
    func slowConsumer() async throws {
        try await House.with(Self.small) { house in
            let caller = try house.connect()
            caller.call("1", Self.long)
            let end = try await caller.end(of: "1")
            #expect(end.string("finish") == "failed" && end.string("error.code") == "caller_slow_consumer")
            #expect(end.string("error.limit") == "slow_consumer_timeout" && end.string("charged") == "estimated")
            try await house.abandoned(1)
            try await caller.ping()
        }
    }

    @Test("A client that reads nothing at all is dropped, and its transfers are closed")
    func deafClient() async throws {
        let setup = Setup(limits: ["slow_consumer_timeout: 1s"])
        try await House.with(setup) { house in
            let deaf = try Caller(house.socket, reads: false)
            for number in 0..<8 {
                deaf.call("\(number)", Body.fault("fault=huge-body,bytes=3000000"))
            }
            deaf.call("s", Body.fault("fault=hang-mid-stream", stream: true))
            let other = try house.connect()
            other.call("o", Body.chat())
            #expect(try await other.end(of: "o").kind == "result")
            try await eventually("the deaf one is dropped") { try await house.status().count("connections") == 1 }
            try await eventually("nothing is under way") { house.provider.stats().inFlight == 0 }
        }
    }

    private static func spent(_ chunks: [Event]) -> Int {
        chunks.reduce(0) { $0 + ($1.text.split(separator: #""data":"#, maxSplits: 1).last?.utf8.count ?? 1) - 1 }
    }
}
