import SluiceUpstream
import Testing

/// Every way an exchange can fail has its own name.
@Suite(.timeLimit(.minutes(1)))
struct FailureTests {
    /// Reads a request, sends `text`, then keeps the connection until the peer closes it.
    static func silent(after text: String) throws -> ScriptedServer {
        try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send(text)
            _ = connection.waitForClose()
        }
    }

    @Test func aClosedPortIsAConnectFailure() async throws {
        let port = try ScriptedServer.unusedPort()
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: "http://127.0.0.1:\(port)/v1")
        let outcome = await rig.run(.post(1, profile))
        #expect(outcome.failure == .connect)
        #expect(outcome.end?.requestSent == false)
        #expect(outcome.end?.sends == 0)
        #expect(outcome.end?.detail?.isEmpty == false)
    }

    @Test func anUnknownNameIsADNSFailure() async throws {
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: "http://no-such-host.invalid/v1")
        let outcome = await rig.run(.post(1, profile))
        #expect(outcome.failure == .dns)
        #expect(outcome.end?.requestSent == false)
    }

    @Test func aHandshakeThatNeverEndsIsAConnectTimeout() async throws {
        let server = try ScriptedServer { connection in _ = connection.readRequest() }
        let rig = try Rig()
        let profile = try UpstreamProfile(
            name: "t", baseURL: "https://127.0.0.1:\(server.port)/v1", connectTimeoutMS: 50)
        let outcome = await rig.run(.post(1, profile))
        #expect(outcome.failure == .connectTimeout)
        #expect(outcome.end?.requestSent == false)
    }

    @Test func silenceBeforeTheHeaderIsAFirstByteTimeout() async throws {
        let server = try Self.silent(after: "")
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        let outcome = await rig.run(
            .post(1, profile).with {
                $0.firstByteTimeoutMS = 30
                $0.idleTimeoutMS = 1
                $0.totalTimeoutMS = 60_000
            })
        #expect(outcome.failure == .firstByteTimeout)
        #expect(outcome.end?.requestSent == true)
    }

    @Test(arguments: [true, false])
    func silenceWithinTheBodyIsAnIdleTimeout(streaming: Bool) async throws {
        let server = try Self.silent(after: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        let outcome = await rig.run(
            .post(1, profile, streaming: streaming).with {
                $0.firstByteTimeoutMS = 60_000
                $0.idleTimeoutMS = 30
                $0.totalTimeoutMS = 60_000
            })
        #expect(outcome.failure == .idleTimeout)
        #expect(String(decoding: outcome.data, as: UTF8.self) + outcome.body == "part")
    }

    @Test func theTotalTimeoutRunsOverASteadyTrickle() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\n\r\n")
            // Each send blocks no one; the trickle only ends when the engine closes the connection.
            while connection.send("x") {}
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        let outcome = await rig.run(
            .post(1, profile, streaming: true).with {
                $0.firstByteTimeoutMS = 60_000
                $0.idleTimeoutMS = 60_000
                $0.totalTimeoutMS = 60
            })
        #expect(outcome.failure == .totalTimeout)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
    ])
    func aCutBodyIsALostConnection(answer: String) async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send(answer)
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        let streamed = await rig.run(.post(1, profile, streaming: true))
        #expect(streamed.failure == .connectionLost)
        #expect(String(decoding: streamed.data, as: UTF8.self) == "part")
        let plain = await rig.run(.post(2, profile))
        #expect(plain.failure == .connectionLost)
        #expect(plain.body == "part")
        #expect(plain.end?.head?.status == 200)
    }

    @Test func aCloseBeforeTheHeaderIsALostConnection() async throws {
        let server = try ScriptedServer { connection in _ = connection.readRequest() }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        let outcome = await rig.run(.post(1, profile))
        #expect(outcome.failure == .connectionLost)
        #expect(outcome.end?.head == nil)
        #expect(outcome.end?.requestSent == true)
    }

    @Test func anotherProtocolIsAProtocolError() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("SSH-2.0-OpenSSH_9.2\r\n")
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        let failure = await rig.run(.post(1, profile)).failure
        #expect(failure?.label == "protocol_error")
    }

    @Test(arguments: ["chat", "", "/a b", "/a\r\nx: y", "/ü", "/a#b"])
    func aPathOutOfRuleIsRefused(path: String) async throws {
        let server = try ScriptedServer(script: Scripts.echo)
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        let outcome = await rig.run(.post(1, profile, path))
        #expect(outcome.failure == .invalidRequest)
        #expect(outcome.end?.requestSent == false)
        #expect(await rig.run(.post(2, profile, "/fine", "still")).body == "still")
    }

    @Test func aTimeoutOutOfRangeIsRefused() async throws {
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: "http://127.0.0.1:1/v1")
        let outcome = await rig.run(.post(1, profile).with { $0.totalTimeoutMS = -1 })
        #expect(outcome.failure == .invalidRequest)
    }
}
