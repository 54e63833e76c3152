import NIOCore
import Testing

@testable import SluiceProvider

@Suite("The stand-in on real sockets", .timeLimit(.minutes(1)))
struct ServerTests {
    private let chatPath = "/v1/chat/completions"

    private func temporaryPath() -> String {
        var random = SystemRandomNumberGenerator()
        return "/tmp/sluice-standin-\(random.next()).sock"
    }

    @Test("answers plainly, and says that it is a stand-in")
    func plain() async throws {
        try await withProvider { server in
            let reply = try await RawClient.send(server, RawClient.post(chatPath, RawClient.chat()))
            #expect(reply.status == 200)
            #expect(reply.isWhole)
            #expect(reply.headers["server"] == "sluice-stand-in")
            #expect(reply.headers["x-sluice-stand-in"] == "true")
            #expect(reply.headers["content-type"] == "application/json")
            #expect(reply.headers["x-request-id"]?.hasPrefix("req_") == true)
            #expect(reply.headers["x-ratelimit-limit-requests"] == nil, "without a limit there is no such header")
            #expect(reply.json["object"] == "chat.completion")
        }
    }

    @Test("streams to the end, with usage only when asked for")
    func stream() async throws {
        try await withProvider { server in
            let bare = try await RawClient.send(server, RawClient.post(chatPath, RawClient.chat(#","stream":true"#)))
            #expect(bare.headers["content-type"]?.hasPrefix("text/event-stream") == true)
            #expect(bare.isWhole)
            #expect(bare.events.last == "[DONE]")
            #expect(!bare.text.contains("usage"))
            let more = #","stream":true,"stream_options":{"include_usage":true}"#
            let asked = try await RawClient.send(server, RawClient.post(chatPath, RawClient.chat(more)))
            let last = try JSONParser.parse(Array(try #require(asked.events.dropLast().last).utf8)).objectValue
            #expect(last?["choices"] == [])
            #expect(last?["usage"]?.objectValue?["completion_tokens"] == 24)
        }
    }

    @Test("listens on a Unix socket too, and removes it at the end")
    func unixSocket() async throws {
        let path = temporaryPath()
        try await withProvider({ $0.unixPath = path }) { server in
            let channel = try await RawClient.connect(unixPath: path)
            let bytes = try await RawClient.bytes(channel, sending: [RawClient.post(chatPath, RawClient.chat())])
            #expect(RawClient.replies(bytes).first?.status == 200)
        }
        await #expect(throws: (any Error).self) { try await RawClient.connect(unixPath: path) }
    }

    @Test("takes pipelined requests in order, and requests in single bytes")
    func framing() async throws {
        try await withProvider { server in
            let keep = ["Authorization: Bearer k"]
            let requests = [
                RawClient.post(chatPath, RawClient.chat(model: "gpt-4o-mini:ttft-ms=30"), headers: keep),
                RawClient.post(chatPath, RawClient.chat(model: "gpt-4o"), headers: keep), RawClient.get("/v1/models"),
            ]
            let piped = try await RawClient.bytes(
                try await RawClient.connect(server), sending: [requests.joined()])
            let replies = RawClient.replies(piped)
            #expect(replies.map(\.status) == [200, 200, 200])
            #expect(replies.prefix(2).map { $0.json["model"] } == ["gpt-4o-mini", "gpt-4o"])
            #expect(replies.last?.json["object"] == "list")
            let single = RawClient.post(chatPath, RawClient.chat()).map(String.init)
            let bytes = try await RawClient.bytes(try await RawClient.connect(server), sending: single)
            #expect(RawClient.replies(bytes).first?.status == 200)
        }
    }

    @Test("continues a request that waits for it")
    func expectContinue() async throws {
        try await withProvider { server in
            let headers = ["Authorization: Bearer k", "Connection: close", "Expect: 100-continue"]
            let request = RawClient.post(chatPath, RawClient.chat(), headers: headers)
            let bytes = try await RawClient.bytes(try await RawClient.connect(server), sending: [request])
            #expect(RawClient.replies(bytes).map(\.status) == [100, 200])
        }
    }

    @Test("bounds the body, announced or not")
    func bodyBound() async throws {
        try await withProvider({ $0.maxBodyBytes = 1000 }) { server in
            let announced = RawClient.post(chatPath, String(repeating: "x", count: 1001))
            let refused = try await RawClient.send(server, announced)
            #expect(refused.status == 413)
            let head = "POST \(chatPath) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            let chunk = "258\r\n" + String(repeating: "x", count: 600) + "\r\n"
            let overrun = try await RawClient.send(server, head + chunk + chunk)
            #expect(overrun.status == 413)
            let small = try await RawClient.send(server, RawClient.post(chatPath, RawClient.chat()))
            #expect(small.status == 200)
        }
    }

    @Test(
        "refuses with OpenAI's statuses and codes",
        arguments: [
            (RawClient.post("/v1/models", "{}"), 405, "method_not_supported"),
            (RawClient.post("/v1/chat/completions", "{}", headers: ["Connection: close"]), 401, "invalid_api_key"),
            (RawClient.post("/v1/chat/completions", "{}"), 400, "missing_required_parameter"),
            (RawClient.post("/v1/chat/completions", "{"), 400, nil),
            (RawClient.post("/v1/chat/completions", "[]"), 400, nil),
            (RawClient.post("/v1/chat/completions", #"{"model":"nope"}"#), 404, "model_not_found"),
            (RawClient.post("/v1/chat/completions", #"{"model":"gpt-4o:fault=no"}"#), 400, "stand_in_directive"),
            (RawClient.post("/v1/nothing", "{}"), 404, "unknown_url"),
            (RawClient.get("/v1/chat/completions"), 405, "method_not_supported"),
            (RawClient.get("/v1/models/nope"), 404, "model_not_found"),
        ])
    func refusals(request: String, status: Int, code: String?) async throws {
        try await withProvider { server in
            let reply = try await RawClient.send(server, request)
            #expect(reply.status == status)
            #expect(reply.errorCode == code)
            #expect(reply.json["error"]?.objectValue?.members.map(\.name) == ["message", "type", "param", "code"])
        }
    }

    @Test("enforces limits for each model and key")
    func limits() async throws {
        try await withProvider({ $0.modelLimits = ["gpt-4o": RateLimits(requestsPerMinute: 1)] }) { server in
            func status(_ model: String, key: String = "k") async throws -> RawReply {
                let headers = ["Authorization: Bearer \(key)", "Connection: close"]
                return try await RawClient.send(
                    server, RawClient.post(chatPath, RawClient.chat(model: model), headers: headers))
            }
            let first = try await status("gpt-4o")
            #expect(first.status == 200)
            let refused = try await status("gpt-4o")
            #expect(refused.status == 429)
            #expect(refused.errorCode == "rate_limit_exceeded")
            #expect(refused.headers["x-ratelimit-remaining-requests"] == "0")
            // Refilling takes a minute, less what the test itself took.
            let wait = try #require(refused.headers["retry-after"].flatMap { Int($0) })
            #expect((1...60).contains(wait))
            let otherKey = try await status("gpt-4o", key: "other")
            #expect(otherKey.status == 200)
            let otherModel = try await status("gpt-4o-mini")
            #expect(otherModel.status == 200)
            #expect(server.stats().rateLimited == 1)
        }
    }

    @Test("answers HEAD without a body, and what is no HTTP with 400")
    func oddRequests() async throws {
        try await withProvider { server in
            let requests = "HEAD /v1/models HTTP/1.1\r\nHost: x\r\n\r\n" + RawClient.get("/v1/models")
            let bytes = try await RawClient.bytes(try await RawClient.connect(server), sending: [requests])
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.hasPrefix("HTTP/1.1 405 "))
            #expect(text.contains("\r\n\r\nHTTP/1.1 200 "))
            let garbage = try await RawClient.send(server, "nonsense\r\n\r\n")
            #expect(garbage.status == 400)
        }
    }

    @Test("cannot take an address twice")
    func addressInUse() async throws {
        try await withProvider { server in
            var configuration = ProviderConfiguration()
            configuration.port = try #require(server.tcpPort)
            let taken = configuration
            await #expect(throws: (any Error).self) { try await ProviderServer.start(taken) }
        }
    }

    @Test("closes connections beyond its bound")
    func connectionBound() async throws {
        try await withProvider({ $0.maxConnections = 1 }) { server in
            let first = try await RawClient.connect(server)
            try await first.executeThenClose { _, _ in
                try await eventually("the connection is counted") { server.stats().connections == 1 }
                let bytes = try await RawClient.bytes(try await RawClient.connect(server), sending: [])
                #expect(bytes.isEmpty)
            }
        }
    }
}
