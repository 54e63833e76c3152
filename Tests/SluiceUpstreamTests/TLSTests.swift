import Foundation
import SluiceUpstream
import Testing

/// TLS and HTTP/2 against nginx.
@Suite(.timeLimit(.minutes(1)), .enabled(if: Nginx.isInstalled, "nginx is not installed"))
struct TLSTests {
    private func profile(
        _ nginx: Nginx, host: String = "localhost", caFile: String?, version: UpstreamHTTPVersion = .auto
    ) throws -> UpstreamProfile {
        try UpstreamProfile(
            name: "t", baseURL: "https://\(host)/v1", unixSocketPath: nginx.socketPath, caFile: caFile,
            httpVersion: version)
    }

    @Test func theVersionsAreNegotiated() async throws {
        let nginx = try Nginx()
        let rig = try Rig()
        for (token, version, expected) in [
            (1, UpstreamHTTPVersion.auto, "HTTP/2.0"), (2, .http2, "HTTP/2.0"), (3, .http11, "HTTP/1.1"),
        ] {
            let outcome = await rig.run(
                .post(UInt64(token), try profile(nginx, caFile: nginx.caFile, version: version), "/echo", "{}"))
            #expect(outcome.failure == nil)
            #expect(outcome.body == expected)
        }
    }

    @Test func aBurstOnAColdConnectionSharesIt() async throws {
        let nginx = try Nginx()
        let rig = try Rig()
        let profile = try profile(nginx, caFile: nginx.caFile)
        for token in UInt64(0)..<300 { #expect(rig.engine.submit(.get(token, profile, "/echo"))) }
        for token in UInt64(0)..<300 { #expect(await rig.recorder.end(token).body == "HTTP/2.0") }
        #expect(rig.engine.stats().connectionsOpened < 300)
    }

    @Test func anUnknownAuthorityIsATLSFailure() async throws {
        let nginx = try Nginx()
        let rig = try Rig()
        let outcome = await rig.run(.post(1, try profile(nginx, caFile: nil), "/echo"))
        #expect(outcome.failure == .tls)
        #expect(outcome.end?.requestSent == false)
        #expect(outcome.end?.detail?.contains("certificate") == true)
        #expect(await rig.run(.post(2, try profile(nginx, caFile: nginx.caFile), "/echo")).failure == nil)
        #expect(try await nginx.log(lines: 1) == ["200 /v1/echo"])
    }

    @Test func anotherNameIsATLSFailure() async throws {
        let nginx = try Nginx()
        let rig = try Rig()
        let outcome = await rig.run(.post(1, try profile(nginx, host: "example.com", caFile: nginx.caFile), "/echo"))
        #expect(outcome.failure == .tls)
    }

    @Test func aPlainServerIsATLSFailure() async throws {
        let server = try ScriptedServer { connection in connection.send("HTTP/1.1 200 OK\r\n\r\n") }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: "https://127.0.0.1:\(server.port)/v1")
        #expect(await rig.run(.post(1, profile)).failure == .tls)
    }

    @Test func cancellingAnHTTP2StreamResetsItAndKeepsTheConnection() async throws {
        let nginx = try Nginx()
        let closed = Signal<Bool>()
        let behind = try ScriptedServer(unixPath: nginx.behindPath) { connection in
            guard let request = connection.readRequest() else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
            let isClosed = connection.waitForClose()
            if request.path.hasSuffix("/first") { closed.set(isClosed) }
        }
        let rig = try Rig()
        let profile = try profile(nginx, caFile: nginx.caFile)
        #expect(rig.engine.submit(.post(1, profile, "/behind/first", streaming: true)))
        #expect(rig.engine.submit(.post(2, profile, "/behind/second", streaming: true)))
        _ = await rig.recorder.wait(1) { !$0.pieces.isEmpty }
        _ = await rig.recorder.wait(2) { !$0.pieces.isEmpty }
        rig.engine.cancel(1)
        #expect(await rig.recorder.end(1).failure == .cancelled)
        // nginx lets go of the server behind it when the stream is reset.
        #expect(await closed.wait())
        let after = await rig.run(.post(3, profile, "/echo"))
        #expect(after.body == "HTTP/2.0")
        #expect(after.end?.timing.connectionReused == true)
        #expect(rig.engine.stats().connectionsOpened == 1)
        #expect(rig.recorder.outcomes[2]?.ends.isEmpty == true)
        #expect(behind.connections == 2)
        rig.engine.shutdown()
    }

    @Test func aPausedHTTP2StreamHoldsStillWhileItsSiblingsGoOn() async throws {
        let nginx = try Nginx()
        let expected = CancelAndPauseTests.pattern(blocks: 50)
        try Data(expected).write(to: URL(fileURLWithPath: nginx.filesPath + "/v1/file"))
        let rig = try Rig()
        let profile = try profile(nginx, caFile: nginx.caFile)
        _ = await rig.run(.post(1, profile, "/echo"))
        #expect(rig.engine.submit(UpstreamRequest.get(2, profile, "/file").with { $0.streaming = true }))
        rig.engine.pause(2)
        _ = await rig.recorder.wait(2) { $0.head != nil }
        for token in UInt64(10)..<20 { #expect(await rig.run(.post(token, profile, "/echo")).body == "HTTP/2.0") }
        rig.engine.resume(2)
        let outcome = await rig.recorder.end(2)
        #expect(outcome.failure == nil)
        #expect(outcome.data == expected)
        #expect(rig.engine.stats().connectionsOpened == 1)
    }

    @Test func aLongPauseOverHTTP2LosesNothing() async throws {
        let nginx = try Nginx()
        let expected = CancelAndPauseTests.pattern(blocks: 2_000)
        try Data(expected).write(to: URL(fileURLWithPath: nginx.filesPath + "/v1/file"))
        let rig = try Rig()
        let profile = try profile(nginx, caFile: nginx.caFile)
        #expect(rig.engine.submit(UpstreamRequest.get(1, profile, "/file").with { $0.streaming = true }))
        rig.engine.pause(1)
        _ = await rig.recorder.wait(1) { $0.head != nil }
        for _ in 0..<50 { await rig.settle() }
        rig.engine.resume(1)
        let outcome = await rig.recorder.end(1)
        #expect(outcome.failure == nil)
        #expect(outcome.data == expected)
    }
}
