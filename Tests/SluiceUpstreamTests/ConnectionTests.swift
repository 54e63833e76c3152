import SluiceUpstream
import Testing

/// Connections are kept, replaced when dead, and counted.
@Suite(.timeLimit(.minutes(1)))
struct ConnectionTests {
    @Test func aConnectionIsReused() async throws {
        let server = try ScriptedServer(script: Scripts.echo)
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        for token in UInt64(0)..<5 {
            let outcome = await rig.run(.post(token, profile))
            #expect(outcome.end?.timing.connectionReused == (token > 0))
        }
        let stats = rig.engine.stats()
        #expect(stats.connectionsOpened == 1)
        #expect(stats.reused == 4 && stats.ended == 5 && stats.resent == 0)
        #expect(server.connections == 1)
    }

    @Test func aConnectionClosedBetweenRequestsIsReplaced() async throws {
        let server = try ScriptedServer { connection in
            guard let request = connection.readRequest() else { return }
            connection.reply(request.body)
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        for token in UInt64(0)..<20 {
            let outcome = await rig.run(.post(token, profile, "/x", "n\(token)"))
            #expect(outcome.failure == nil)
            #expect(outcome.body == "n\(token)")
        }
    }

    @Test func aRequestSentOnADyingConnectionIsSentAgainAndCounted() async throws {
        let server = try ScriptedServer { connection in
            guard let first = connection.readRequest() else { return }
            connection.reply(first.body)
            // The second request on a connection is read and never answered.
            _ = connection.readRequest()
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        #expect(await rig.run(.post(1, profile)).end?.sends == 1)
        let outcome = await rig.run(.post(2, profile, "/x", "twice"))
        #expect(outcome.body == "twice")
        #expect(outcome.end?.sends == 2)
        #expect(rig.engine.stats().resent == 1)
    }

    @Test func theHostBoundHolds() async throws {
        let server = try ScriptedServer(script: Scripts.echo)
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL, maxConnections: 3)
        for token in UInt64(0)..<60 { #expect(rig.engine.submit(.post(token, profile, "/x", "\(token)"))) }
        for token in UInt64(0)..<60 { #expect(await rig.recorder.end(token).body == "\(token)") }
        #expect(server.connections <= 3)
    }

    @Test func everySocketIsClosedAtTheEnd() async throws {
        let server = try ScriptedServer(script: Scripts.echo)
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        for token in UInt64(0)..<40 { #expect(rig.engine.submit(.post(token, profile))) }
        rig.engine.retire(profile)
        for token in UInt64(0)..<40 { _ = await rig.recorder.end(token) }
        #expect(rig.engine.stats().idleHandles == 0)
        rig.engine.shutdown()
        await server.allClosed()
        #expect(rig.engine.stats().liveTransfers == 0)
    }
}
