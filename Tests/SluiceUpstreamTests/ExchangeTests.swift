import SluiceUpstream
import Testing

/// Whole exchanges over HTTP/1.1 with a server that follows a script.
@Suite(.timeLimit(.minutes(1)))
struct ExchangeTests {
    @Test func aPostIsEchoed() async throws {
        let server = try ScriptedServer(script: Scripts.echo)
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        let body = #"{"text":"ü \u0000 1e400"}"#
        let outcome = await rig.run(.post(7, profile, "/chat/completions", body))
        #expect(outcome.failure == nil)
        #expect(outcome.end?.head?.status == 200)
        #expect(outcome.body == body)
        #expect(outcome.head == nil)
        #expect(outcome.end?.sends == 1)
        #expect(outcome.end?.requestSent == true)
        #expect(outcome.end?.timing.connectionReused == false)
        #expect(outcome.end?.bytesReceived == Int64(body.utf8.count + 37 + String(body.utf8.count).count))
    }

    @Test func theRequestOnTheWireIsThePlainOne() async throws {
        let seen = Signal<Connection.Request>()
        let server = try ScriptedServer { connection in
            guard let request = connection.readRequest() else { return }
            seen.set(request)
            connection.reply([])
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(
            name: "t", baseURL: server.baseURL + "/",
            headers: [.init(name: "Authorization", value: "Bearer k"), .init(name: "X-Empty", value: "")])
        let body = String(repeating: "x", count: 3 << 20)
        let outcome = await rig.run(.post(1, profile, "/a?b=c", body))
        let request = await seen.wait()
        #expect(request.line == "POST /v1/a?b=c HTTP/1.1")
        #expect(request.header("authorization") == "Bearer k")
        #expect(request.header("content-type") == "application/json")
        #expect(request.header("x-empty")?.isEmpty == true)
        #expect(request.header("expect") == nil)
        #expect(request.header("accept-encoding") == nil)
        #expect(request.body.count == body.utf8.count)
        #expect(outcome.end.map { $0.bytesSent >= Int64(body.utf8.count) } == true)
    }

    @Test func methodsAndPathsAlternateOnOneHandle() async throws {
        let server = try ScriptedServer { connection in
            while let request = connection.readRequest() {
                connection.reply(Array("\(request.line)|\(request.body.count)".utf8))
            }
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        #expect(await rig.run(.get(1, profile, "/models")).body == "GET /v1/models HTTP/1.1|0")
        #expect(await rig.run(.post(2, profile, "/embeddings", "abc")).body == "POST /v1/embeddings HTTP/1.1|3")
        #expect(await rig.run(.get(3, profile, "/models")).body == "GET /v1/models HTTP/1.1|0")
        let empty = UpstreamRequest(token: 4, profile: profile, method: .post, path: "/models")
        #expect(await rig.run(empty).body == "POST /v1/models HTTP/1.1|0")
        #expect(await rig.run(.post(5, profile, "/embeddings", "abcde")).body == "POST /v1/embeddings HTTP/1.1|5")
        #expect(server.connections == 1)
        #expect(rig.engine.stats().idleHandles == 1)
    }

    @Test func aStreamArrivesInPieces() async throws {
        let gate = Gate()
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in ["one", "two", "three"] {
                connection.send("\(piece.utf8.count)\r\n\(piece)\r\n")
                gate.pass()
            }
            connection.send("0\r\n\r\n")
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        #expect(rig.engine.submit(.post(1, profile, streaming: true)))
        for expected in ["one", "onetwo", "onetwothree"] {
            let outcome = await rig.recorder.wait(1) { $0.dataCount >= expected.utf8.count }
            #expect(outcome.head?.status == 200)
            #expect(outcome.head?["content-type"] == "text/event-stream")
            #expect(String(decoding: outcome.data, as: UTF8.self) == expected)
            #expect(outcome.end == nil)
            gate.open()
        }
        let outcome = await rig.recorder.end(1)
        #expect(outcome.failure == nil)
        #expect(outcome.pieces.count == 3)
        #expect(outcome.end?.body.isEmpty == true)
    }

    @Test func manySmallChunksOfOneBatchAreOnePiece() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            let chunks = String(repeating: "1\r\nx\r\n", count: 100)
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n")
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        let outcome = await rig.run(.post(1, profile, streaming: true))
        #expect(outcome.data.count == 100)
        #expect(outcome.pieces.count == 1)
    }

    @Test func aUnixSocketUpstreamWorks() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/up.sock"
        let server = try ScriptedServer(unixPath: path, script: Scripts.echo)
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: "http://localhost/v1", unixSocketPath: path)
        #expect(await rig.run(.post(1, profile, "/x", "hello")).body == "hello")
        #expect(server.connections == 1)
    }

    @Test func aRefusedStreamComesWholeWithItsHeaders() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.reply(
                Array(#"{"error":{}}"#.utf8), status: "429 Too Many Requests",
                headers: [
                    "X-Request-ID:  req_1 ", "Retry-After: 2", "retry-after-ms: 1500", "x-should-retry: true",
                    "X-RateLimit-Remaining-Requests: 0", "x-ratelimit-reset-tokens: 6m0s", "x-ratelimit-new-kind: 7",
                    "openai-processing-ms: 12", "openai-version: 2020-10-01", "Set-Cookie: a=b", "X-Request-Idle: no",
                ])
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        let outcome = await rig.run(.post(1, profile, streaming: true))
        #expect(outcome.head == nil && outcome.pieces.isEmpty)
        #expect(outcome.body == #"{"error":{}}"#)
        let head = try #require(outcome.end?.head)
        #expect(head.status == 429)
        #expect(
            head.headers.map { "\($0.name)=\($0.value)" } == [
                "x-request-id=req_1", "retry-after=2", "retry-after-ms=1500", "x-should-retry=true",
                "x-ratelimit-remaining-requests=0", "x-ratelimit-reset-tokens=6m0s", "x-ratelimit-new-kind=7",
                "openai-processing-ms=12", "openai-version=2020-10-01",
            ])
    }

    @Test func interimAnswersAreSkippedAndRedirectsAreNotFollowed() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 103 Early Hints\r\nx-request-id: early\r\n\r\n")
            connection.reply(Array("moved".utf8), status: "307 Temporary Redirect", headers: ["Location: /elsewhere"])
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        let outcome = await rig.run(.post(1, profile))
        #expect(outcome.end?.head?.status == 307)
        #expect(outcome.end?.head?.headers.isEmpty == true)
        #expect(outcome.body == "moved")
    }

    @Test(arguments: [true, false])
    func aBodyOverTheCapFails(announced: Bool) async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            let body = [UInt8](repeating: 0x61, count: 5_000)
            if announced { return _ = connection.reply(body) }
            connection.send(Array("HTTP/1.1 200 OK\r\n\r\n".utf8) + body)
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL, maxResponseBytes: 4_999)
        let outcome = await rig.run(.post(1, profile))
        #expect(outcome.failure == .tooLarge)
        #expect(outcome.end.map { $0.body.count <= 4_999 } == true)
        let exact = try UpstreamProfile(name: "t", baseURL: server.baseURL, maxResponseBytes: 5_000)
        #expect(await rig.run(.post(2, exact)).failure == nil)
    }

    @Test func aHeaderWithoutEndFails() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\n")
            while connection.send("x-filler: \(String(repeating: "y", count: 1_000))\r\n") {}
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        #expect(await rig.run(.post(1, profile)).failure == .tooLarge)
    }

    @Test func keptHeadersAreBounded() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            let long = "x-request-id: \(String(repeating: "i", count: 513))"
            let many = (0..<40).map { "x-ratelimit-n\($0): \($0)" }
            connection.reply([], headers: [long] + many)
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        let head = try #require(await rig.run(.post(1, profile)).end?.head)
        #expect(head["x-request-id"] == nil)
        #expect(head.headers.count == 32)
        #expect(head.headers.last?.name == "x-ratelimit-n31")
    }
}
