import SluiceProvider
import Testing

@Suite("Calls that are answered", .timeLimit(.minutes(1)))
struct AnswerTests {
    @Test("A plain chat completion brings body, usage, model and the provider's request id")
    func plainChat() async throws {
        try await House.with { house in
            let caller = try house.connect()
            let hello = try await caller.next("hello")
            #expect(hello.int("proto") == 1)
            caller.call("1", Body.chat())
            let result = try await caller.end(of: "1")
            #expect(result.kind == "result" && result.int("status") == 200)
            #expect(result.string("body.object") == "chat.completion")
            #expect(result.string("charged") == "exact" && result.int("attempts") == 1)
            let input = try #require(result.int("usage.input_tokens"))
            #expect(input > 0 && input == result.int("body.usage.prompt_tokens"))
            #expect(result.int("usage.output_tokens") == result.int("body.usage.completion_tokens"))
            #expect(result.has("upstream_request_id") && result.has("timing.total_ms"))
            #expect(result.string("model") == result.string("body.model"))
        }
    }

    @Test("A streamed chat gives gapless chunks and a complete result with the usage that the agent asked for")
    func streamedChat() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("s", Body.chat(stream: true))
            let result = try await caller.end(of: "s")
            let chunks = caller.unread("chunk")
            #expect(chunks.count > 2)
            #expect(chunks.map { $0.int("seq") } == Array(0..<chunks.count))
            #expect(result.string("finish") == "complete" && !result.has("body") && !result.has("error"))
            #expect((result.int("usage.output_tokens") ?? 0) > 0 && result.string("charged") == "exact")
            // The usage chunk was the agent's own wish: the caller never sees it.
            #expect(!chunks.contains { $0.count("data.choices") == 0 })
        }
    }

    @Test("A caller that asks for the usage chunk itself gets it, and its body is not touched")
    func wantedUsageChunk() async throws {
        try await House.with { house in
            let caller = try house.connect()
            let body =
                #"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}],"stream":true,"#
                + #""stream_options":{"include_usage":true}}"#
            caller.call("s", body)
            let result = try await caller.end(of: "s")
            let chunks = caller.unread("chunk")
            #expect(chunks.filter { $0.count("data.choices") == 0 }.count == 1)
            #expect(chunks.last?.int("data.usage.prompt_tokens") == result.int("usage.input_tokens"))
            #expect(house.provider.stats().bodyBytes == body.utf8.count)
        }
    }

    @Test("The Responses API works plain and streamed, and its usage is read from both")
    func responses() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("p", #"{"model":"gpt-4o-mini","input":"hi"}"#, path: "/v1/responses")
            let plain = try await caller.end(of: "p")
            #expect(plain.string("body.object") == "response")
            #expect(plain.int("usage.input_tokens") == plain.int("body.usage.input_tokens"))
            caller.call("s", #"{"model":"gpt-4o-mini","input":"hi","stream":true}"#, path: "/v1/responses")
            let result = try await caller.end(of: "s")
            let chunks = caller.unread("chunk")
            #expect(chunks.first?.string("data.type") == "response.created")
            #expect(chunks.last?.string("data.type") == "response.completed")
            #expect(result.string("finish") == "complete")
            #expect(result.int("usage.output_tokens") == chunks.last?.int("data.response.usage.output_tokens"))
        }
    }

    @Test("Cached and reasoning tokens are told where the provider tells them")
    func tokenDetails() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("cached-tokens=3,reasoning-tokens=2"))
            let result = try await caller.end(of: "1")
            #expect(result.int("usage.cached_tokens") == 3)
            #expect(result.int("usage.reasoning_tokens") == 2)
        }
    }

    @Test("Embeddings have input tokens only; models are listed with GET")
    func smallEndpoints() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("e", #"{"model":"text-embedding-3-small","input":"x"}"#, path: "/v1/embeddings")
            let embedding = try await caller.end(of: "e")
            #expect(embedding.int("usage.output_tokens") == 0)
            #expect((embedding.int("usage.input_tokens") ?? 0) > 0 && embedding.string("charged") == "exact")
            caller.send(#"{"op":"call","id":"m","path":"/v1/models"}"#)
            let models = try await caller.end(of: "m")
            #expect(models.string("body.object") == "list" && (models.count("body.data") ?? 0) > 0)
        }
    }

    @Test("Many calls on one connection are answered in whatever order, each exactly once")
    func multiplexed() async throws {
        try await House.with { house in
            let caller = try house.connect()
            // The first is answered last: nothing waits behind it.
            caller.call("slow", Body.fault("fault=hang-mid-stream,after=1", stream: true))
            for number in 0..<100 { caller.call("\(number)", Body.chat(stream: number % 2 == 0)) }
            for number in 0..<100 {
                let end = try await caller.end(of: "\(number)")
                #expect(end.kind == "result")
            }
            #expect(try await !caller.hasMore(of: "7"))
            caller.cancel("slow")
            #expect(try await caller.end(of: "slow").string("finish") == "cancelled")
        }
    }

    @Test("One JSON body where a stream was asked for is a bad response that may have cost")
    func streamIgnored() async throws {
        let scratch = try Scratch()
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            exchange.json(#"{"object":"chat.completion","usage":{"prompt_tokens":3,"completion_tokens":4}}"#)
            return true
        }
        try await House.with(Setup(socket: scratch.file("raw.sock"))) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat(stream: true))
            let result = try await caller.end(of: "1")
            #expect(result.code == "provider_bad_response")
            #expect(result.string("charged") == "estimated")
            #expect(upstream.received.count == 1)
        }
    }
}
