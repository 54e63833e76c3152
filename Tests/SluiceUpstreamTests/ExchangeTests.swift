import SluiceUpstream
import Testing

/// Whole exchanges over HTTP/1.1 with a server that follows a script.
@Suite(.timeLimit(.minutes(1)))
struct ExchangeTests {
    static func echo(_ connection: Connection) {
        while let request = connection.readRequest() { connection.reply(request.body) }
    }

    @Test func aPostIsEchoed() async throws {
        let server = try ScriptedServer(script: Self.echo)
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
    }
}
