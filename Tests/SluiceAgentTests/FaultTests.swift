import SluiceProvider
import Testing

@Suite("Answers that are not what the API promises", .timeLimit(.minutes(1)))
struct FaultTests {
    @Test("A stream that ends in order without its marker is truncated")
    func truncated() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=end-early,after=3", stream: true))
            let end = try await caller.end(of: "1")
            #expect(end.string("finish") == "truncated" && end.string("charged") == "estimated")
            #expect(caller.unread("chunk").count == 3)
        }
    }

    @Test("An error inside a chat stream ends it as failed with the provider's words")
    func errorInStream() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=stream-error,after=2", stream: true))
            let end = try await caller.end(of: "1")
            #expect(end.string("finish") == "failed" && end.string("error.code") == "provider_stream_error")
            #expect(end.has("error.upstream") && caller.unread("chunk").count == 2)
            #expect(house.provider.stats().requests == 1)
        }
    }

    @Test("An error as the first word of a stream is an error, not a result, and is not tried again")
    func errorFirst() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=stream-error,after=0", stream: true))
            let end = try await caller.end(of: "1")
            #expect(end.kind == "error" && end.code == "provider_stream_error" && end.has("upstream"))
            #expect(house.provider.stats().requests == 1)
        }
    }

    @Test("An error in a stream counts although the connection breaks right after it")
    func errorThenCut() async throws {
        let scratch = try Scratch()
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            exchange.write(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            let event = #"data: {"error":{"message":"no","type":"server_error","code":"broken"}}"# + "\n\n"
            exchange.write(String(event.utf8.count, radix: 16) + "\r\n" + event + "\r\n")
            return false
        }
        try await House.with(Setup(socket: scratch.file("raw.sock"))) { house in
            let caller = try house.connect()
            caller.call("1", Body.chat(stream: true))
            let end = try await caller.end(of: "1")
            #expect(end.code == "provider_stream_error" && end.string("upstream.code") == "broken")
            #expect(upstream.received.count == 1)
        }
    }

    @Test("response.failed is forwarded and ends the stream as failed")
    func responseFailed() async throws {
        try await House.with { house in
            let caller = try house.connect()
            let body = #"{"model":"gpt-4o-mini:fault=response-failed,after=3","input":"x","stream":true}"#
            caller.call("1", body, path: "/v1/responses")
            let end = try await caller.end(of: "1")
            #expect(end.string("finish") == "failed" && end.string("error.code") == "provider_stream_error")
            #expect(caller.unread("chunk").last?.string("data.type") == "response.failed")
        }
    }

    @Test("A bare error object in a Responses stream is not forwarded: it comes as upstream")
    func bareErrorInResponses() async throws {
        let scratch = try Scratch()
        _ = try await withUpstream(scratch) { exchange in
            exchange.beginStream()
            exchange.event(#"{"type":"response.created","response":{"id":"r"}}"#)
            exchange.event(#"{"error":{"message":"no","type":"server_error","code":"broken"}}"#)
            return false
        } _: { caller in
            caller.call("1", #"{"model":"m","input":"x","stream":true}"#, path: "/v1/responses")
            let end = try await caller.end(of: "1")
            #expect(end.string("finish") == "failed" && end.string("error.upstream.code") == "broken")
            #expect(caller.unread("chunk").count == 1)
        }
    }

    @Test("A marker ends a stream although the connection breaks right after it")
    func completeThenCut() async throws {
        let scratch = try Scratch()
        _ = try await withUpstream(scratch) { exchange in
            exchange.write(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            let events = "data: {\"model\":\"m\"}\n\ndata: [DONE]\n\n"
            exchange.write(String(events.utf8.count, radix: 16) + "\r\n" + events + "\r\n")
            return false
        } _: { caller in
            caller.call("1", Body.chat(stream: true))
            let end = try await caller.end(of: "1")
            #expect(end.string("finish") == "complete")
        }
    }

    @Test(
        "A body that is not JSON is a bad response that may have cost",
        arguments: [
            "malformed-json", "wrong-content-type",
        ])
    func notJSON(fault: String) async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=\(fault)"))
            let end = try await caller.end(of: "1")
            #expect(end.code == "provider_bad_response" && end.string("charged") == "estimated")
            #expect(end.int("status") == 200 && house.provider.stats().requests == 1)
        }
    }

    @Test("Stream data that is not JSON breaks the stream off, and its transfer is closed")
    func notJSONInStream() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=malformed-json,after=2,tokens-per-second=1", stream: true))
            let end = try await caller.end(of: "1")
            #expect(end.string("finish") == "failed" && end.string("error.code") == "provider_bad_response")
            try await house.abandoned(1)
        }
    }

    @Test("A page where a stream was asked for does not pass for an answer")
    func pageInsteadOfStream() async throws {
        try await House.with(Setup(retries: ["attempts: 1"])) { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=wrong-content-type", stream: true))
            let end = try await caller.end(of: "1")
            #expect(end.kind == "error")
            #expect(["provider_bad_response", "provider_connection_lost"].contains(end.code))
        }
    }

    @Test("An answer above max_response_size is refused")
    func tooLarge() async throws {
        try await House.with(Setup(upstream: ["max_response_size: 64KiB"])) { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=huge-body,bytes=100000"))
            let end = try await caller.end(of: "1")
            #expect(end.code == "provider_response_too_large")
            #expect(end.string("charged") == "estimated" && house.provider.stats().requests == 1)
        }
    }

    @Test("A body cut in half is a lost connection, tried again because nothing was forwarded")
    func cutBody() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=cut-mid-body,times=1"))
            let end = try await caller.end(of: "1")
            #expect(end.kind == "result" && end.int("attempts") == 2)
        }
    }

    @Test("A trickle of bytes, cut anywhere, gives the same chunks as a stream in one piece")
    func trickle() async throws {
        try await House.with { house in
            let caller = try house.connect()
            caller.call("1", Body.fault("fault=trickle,bytes=7,delay-ms=0,output-tokens=5", stream: true))
            #expect(try await caller.end(of: "1").string("finish") == "complete")
        }
    }

    @Test("No HTTP at all is a bad response or a lost connection, and the agent lives on")
    func noHTTP() async throws {
        let scratch = try Scratch()
        _ = try await withUpstream(scratch) { exchange in
            exchange.write("\u{1}\u{2} not http\r\n\r\n")
            return false
        } _: { caller in
            caller.call("1", Body.chat())
            let end = try await caller.end(of: "1")
            #expect(["provider_bad_response", "provider_connection_lost"].contains(end.code))
            try await caller.ping()
        }
    }

    /// Runs `body` with a caller of an agent before a scripted upstream.
    private func withUpstream(
        _ scratch: Scratch, _ script: @escaping @Sendable (ScriptedUpstream.Exchange) -> Bool,
        _ body: (Caller) async throws -> Void
    ) async throws -> ScriptedUpstream {
        let upstream = try ScriptedUpstream(scratch.file("raw.sock"), script)
        try await House.with(Setup(socket: scratch.file("raw.sock"))) { house in try await body(house.connect()) }
        return upstream
    }
}
