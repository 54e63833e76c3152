import NIOCore
import Testing

@testable import SluiceProvider

@Suite("Faults and counts on real sockets", .timeLimit(.minutes(1)))
struct ServerFaultTests {
    private let chatPath = "/v1/chat/completions"

    private func request(_ fault: String, stream: Bool = false) -> String {
        RawClient.post(
            chatPath, RawClient.chat(stream ? #","stream":true"# : "", model: "gpt-4o-mini:fault=\(fault)"))
    }

    private func raw(_ server: ProviderServer, _ request: String) async throws -> [UInt8] {
        try await RawClient.bytes(try await RawClient.connect(server), sending: [request])
    }

    @Test("streams are cut, ended early, broken and extended", arguments: [0, 1, 3])
    func streamFaults(after: Int) async throws {
        try await withProvider { server in
            let cut = try await RawClient.send(server, request("cut-mid-stream,after=\(after)", stream: true))
            #expect(cut.status == 200)
            #expect(!cut.isWhole)
            #expect(cut.events.count == after)
            let early = try await RawClient.send(server, request("end-early,after=\(after)", stream: true))
            #expect(early.isWhole)
            #expect(early.events.count == after)
            #expect(!early.events.contains("[DONE]"))
            let broken = try await RawClient.send(server, request("malformed-json,after=\(after)", stream: true))
            #expect(broken.events.last == "[DONE]")
            #expect(throws: JSONError.self) { try JSONParser.parse(Array(broken.events[after].utf8)) }
            let failed = try await RawClient.send(server, request("stream-error,after=\(after)", stream: true))
            #expect(failed.events.count == after + 1)
            #expect(failed.events.last?.hasPrefix(#"{"error":{"message""#) == true)
        }
    }

    @Test("bodies are cut, broken and huge")
    func bodyFaults() async throws {
        try await withProvider { server in
            let cut = try await RawClient.send(server, request("cut-mid-body"))
            #expect(!cut.isWhole)
            #expect(!cut.body.isEmpty)
            let broken = try await RawClient.send(server, request("malformed-json"))
            #expect(broken.isWhole)
            #expect(throws: JSONError.self) { try JSONParser.parse(broken.body) }
            let page = try await RawClient.send(server, request("wrong-content-type"))
            #expect(page.headers["content-type"]?.hasPrefix("text/html") == true)
            let huge = try await RawClient.send(server, request("huge-body,bytes=3000000"))
            #expect(huge.isWhole)
            #expect(huge.json["stand_in_padding"]?.stringValue?.utf8.count == 3_000_000)
            let event = try await RawClient.send(server, request("huge-body,bytes=300000,after=1", stream: true))
            #expect(event.events[1].utf8.count > 300_000)
            #expect(try JSONParser.parse(Array(event.events[1].utf8)).objectValue != nil)
            let slow = try await RawClient.send(server, request("trickle,bytes=200,delay-ms=1"))
            #expect(slow.isWhole)
            #expect(slow.json["object"] == "chat.completion")
        }
    }

    @Test("connections close without a byte, in order or with a reset")
    func closing() async throws {
        try await withProvider { server in
            let closed = try await raw(server, request("close"))
            #expect(closed.isEmpty)
            let error = await #expect(throws: IOError.self) { try await raw(server, request("reset")) }
            #expect(error?.errnoCode == 104, "ECONNRESET")
        }
    }

    @Test("statuses carry their retry headers")
    func retryHeaders() async throws {
        try await withProvider { server in
            let reply = try await RawClient.send(
                server, request("429,retry-after-ms=50,retry-after=1,should-retry=true"))
            #expect(reply.status == 429)
            #expect(reply.headers["retry-after-ms"] == "50")
            #expect(reply.headers["retry-after"] == "1")
            #expect(reply.headers["x-should-retry"] == "true")
            let dated = try await RawClient.send(server, request("503,retry-after-date=5"))
            #expect(dated.headers["retry-after"]?.hasSuffix(" GMT") == true)
        }
    }

    @Test("a fault with times strikes so often, then the call works; the counts say so")
    func times() async throws {
        try await withProvider { server in
            let once = request("500,times=2")
            var statuses: [Int] = []
            for _ in 0..<3 { statuses.append(try await RawClient.send(server, once).status) }
            #expect(statuses == [500, 500, 200])
            let stats = server.stats()
            #expect(stats.requests == 3)
            #expect(stats.duplicateBodies == 2)
            #expect(stats.faults == ["500": 2])
            #expect(
                stats.rows == [
                    .init(path: chatPath, model: "gpt-4o-mini", status: 200, count: 1),
                    .init(path: chatPath, model: "gpt-4o-mini", status: 500, count: 2),
                ])
        }
    }

    @Test("a header asks for a fault, and an idempotency key is recognised")
    func headers() async throws {
        try await withProvider { server in
            let headers = [
                "Authorization: Bearer k", "Connection: close", "X-Sluice-Fault: overloaded", "Idempotency-Key: 7",
            ]
            for _ in 0..<2 {
                let reply = try await RawClient.send(
                    server, RawClient.post(chatPath, RawClient.chat(), headers: headers))
                #expect(reply.errorCode == "server_is_overloaded")
            }
            #expect(server.stats().duplicateIdempotencyKeys == 1)
        }
    }

    @Test("a script strikes by its rules")
    func script() async throws {
        let json = #"{"rules":[{"model":"gpt-4o","every":2,"fault":"500"},{"path":"/v1/models","fault":"quota"}]}"#
        let script = try FaultScript(json: Array(json.utf8))
        try await withProvider({ $0.faults = script }) { server in
            var statuses: [Int] = []
            for _ in 0..<4 {
                let chat = RawClient.post(chatPath, RawClient.chat(model: "gpt-4o"))
                statuses.append(try await RawClient.send(server, chat).status)
            }
            #expect(statuses == [500, 200, 500, 200])
            let models = try await RawClient.send(server, RawClient.get("/v1/models"))
            #expect(models.errorCode == "insufficient_quota")
            let other = try await RawClient.send(server, RawClient.post(chatPath, RawClient.chat()))
            #expect(other.status == 200)
        }
    }

    @Test("a client that leaves is noticed and counted", arguments: ["hang", "hang-mid-stream"])
    func departure(fault: String) async throws {
        try await withProvider { server in
            let channel = try await RawClient.connect(server)
            try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(string: request(fault, stream: true)))
                if fault == "hang" {
                    try await eventually("the call is under way") { server.stats().inFlight == 1 }
                } else {
                    for try await _ in inbound { break }
                    #expect(server.stats().streamsActive == 1)
                }
                #expect(server.stats().clientsLeft == 0)
            }
            try await eventually("the departure is counted") { server.stats().clientsLeft == 1 }
            let stats = server.stats()
            #expect(stats.inFlight == 0)
            #expect(stats.streamsActive == 0)
            #expect(stats.peakInFlight == 1)
            #expect(stats.departures.map(\.wasMidAnswer) == [fault != "hang"])
            #expect(stats.departures.map(\.path) == [chatPath])
        }
    }

    @Test("shows and resets its counts over HTTP")
    func statsPage() async throws {
        try await withProvider { server in
            _ = try await RawClient.send(server, RawClient.post(chatPath, RawClient.chat()))
            let ask = RawClient.get("/stand-in/stats", headers: ["Connection: close"])
            let page = try await RawClient.send(server, ask)
            #expect(page.json["stand_in"] == true)
            #expect(page.json["requests"] == 1)
            #expect(page.json["calls"]?.arrayValue?.count == 1)
            let reset = RawClient.post("/stand-in/reset", "", headers: ["Connection: close"])
            let answer = try await RawClient.send(server, reset)
            #expect(answer.status == 200)
            #expect(server.stats().requests == 0)
        }
    }
}
