import Glibc
import SluiceUpstream
import Testing

/// A proxy is used when, and only when, the profile names one.
@Suite(.timeLimit(.minutes(1)), .serialized)
struct ProxyTests {
    @Test func aPlainRequestGoesThroughInAbsoluteForm() async throws {
        let proxy = try ScriptedServer { connection in
            while let request = connection.readRequest() { connection.reply(Array(request.line.utf8)) }
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(
            name: "t", baseURL: "http://upstream.invalid/v1", proxy: "http://127.0.0.1:\(proxy.port)")
        let outcome = await rig.run(.post(1, profile, "/x"))
        #expect(outcome.body == "POST http://upstream.invalid/v1/x HTTP/1.1")
    }

    @Test func aTLSRequestAsksForATunnelWithoutTheKey() async throws {
        let seen = Signal<Connection.Request?>()
        let proxy = try ScriptedServer { connection in
            seen.set(connection.readRequest())
            connection.send("HTTP/1.1 403 Forbidden\r\nx-request-id: proxy\r\nContent-Length: 0\r\n\r\n")
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(
            name: "t", baseURL: "https://upstream.invalid/v1", proxy: "http://127.0.0.1:\(proxy.port)",
            headers: [.init(name: "Authorization", value: "Bearer secret")])
        let outcome = await rig.run(.post(1, profile, "/x"))
        let request = await seen.wait()
        #expect(request?.line == "CONNECT upstream.invalid:443 HTTP/1.1")
        #expect(request?.header("authorization") == nil)
        #expect(outcome.failure != nil)
        #expect(outcome.end?.head == nil)
        #expect(outcome.end?.requestSent == false)
    }

    @Test func anUnknownProxyNameIsADNSFailure() async throws {
        let rig = try Rig()
        let profile = try UpstreamProfile(
            name: "t", baseURL: "http://127.0.0.1:1/v1", proxy: "http://no-such-proxy.invalid:3128")
        #expect(await rig.run(.post(1, profile)).failure == .dns)
    }

    @Test func theEnvironmentsProxyIsIgnored() async throws {
        let server = try ScriptedServer(script: Scripts.echo)
        let port = try ScriptedServer.unusedPort()
        setenv("http_proxy", "http://127.0.0.1:\(port)", 1)
        defer { unsetenv("http_proxy") }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        #expect(await rig.run(.post(1, profile, "/x", "direct")).body == "direct")
    }
}
