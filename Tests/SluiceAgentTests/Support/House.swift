import Foundation
import Logging
import SluiceAgent
import SluiceConfig
import SluiceProvider
import Testing

/// What a test's agent is configured with, as lines of the file.
struct Setup: Sendable {
    var agent = ["drain_timeout: 0s"]
    var limits: [String] = []
    var upstream: [String] = []
    var timeouts: [String] = []
    var models = "*"
    var pool: [String] = []
    var retries = ["base: 1ms", "cap: 2ms"]
    var endpoints: [String] = []
    /// Where the upstream listens; the stand-in's socket unless given.
    var socket: String?
    var key = "env: SLUICE_TEST_KEY"
    /// A second key of the upstream, `spare`: sk-spare.
    var hasSpareKey = false
    /// Where a second upstream, `other`, listens.
    var otherSocket: String?
    /// Pools by name and model, before the one that takes the rest.
    var ownPools: [(name: String, lines: [String])] = []
    var breaker: [String] = []
    /// Whole sections: lanes, plans, tenants, features, fallbacks, trace.
    var more: [String] = []

    func yaml(_ scratch: Scratch) -> String {
        var text = Self.section("agent", agent) + Self.section("limits", limits)
        text += "upstreams:\n  - name: up\n    base_url: \"http://localhost/v1\"\n"
        text += "    unix_socket: \"\(socket ?? scratch.file("up.sock"))\"\n"
        text += upstream.map { "    \($0)\n" }.joined()
        if !timeouts.isEmpty { text += "    timeouts:\n" + timeouts.map { "      \($0)\n" }.joined() }
        text += "    keys:\n      - name: test\n        \(key)\n"
        if hasSpareKey { text += "      - name: spare\n        env: SLUICE_SPARE_KEY\n" }
        if let otherSocket {
            text += "  - name: other\n    base_url: \"http://localhost/v1\"\n    unix_socket: \"\(otherSocket)\"\n"
            text += "    keys:\n      - name: other\n        env: SLUICE_SPARE_KEY\n"
        }
        text += "pools:\n" + ownPools.map { Self.pool($0.name, models: $0.name, $0.lines) }.joined()
        text += Self.pool("all", models: models, pool)
        text += Self.section("retries", retries) + Self.section("endpoints", endpoints)
        return text + Self.section("breaker", breaker) + more.map { $0 + "\n" }.joined()
    }

    private static func pool(_ name: String, models: String, _ lines: [String]) -> String {
        "  - name: \(name)\n    models: [\"\(models)\"]\n    upstream: up\n" + lines.map { "    \($0)\n" }.joined()
    }

    private static func section(_ name: String, _ lines: [String]) -> String {
        lines.isEmpty ? "" : "\(name):\n" + lines.map { "  \($0)\n" }.joined()
    }
}

/// A real agent in this process before a real stand-in, on Unix sockets in a directory of their own.
final class House: Sendable {
    let scratch: Scratch
    let provider: ProviderServer
    let agent: Agent
    private let running: Task<Void, any Error>

    var socket: String { agent.paths.agentSocket }

    private init(_ setup: Setup, _ provider: ProviderConfiguration) async throws {
        let scratch = try Scratch()
        self.scratch = scratch
        var provider = provider
        provider.host = nil
        provider.unixPath = scratch.file("up.sock")
        self.provider = try await ProviderServer.start(provider)
        let file = try scratch.write("config.yaml", setup.yaml(scratch))
        let options = AgentOptions(
            configurationFile: file, runtimeDirectory: scratch.file("run"), stateDirectory: scratch.file("state"),
            environment: ["SLUICE_TEST_KEY": "sk-test", "SLUICE_SPARE_KEY": "sk-spare"])
        let agent = try Agent(options) { _ in Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
        self.agent = agent
        let (ready, isReady) = AsyncStream<Void>.makeStream()
        running = Task {
            defer { isReady.finish() }
            try await agent.run(isDaemon: false) { isReady.finish() }
        }
        for await _ in ready {}
    }

    /// Runs `body` in a house, and ends the house however the body ends.
    static func with<Result: Sendable>(
        _ setup: Setup = Setup(), _ provider: ProviderConfiguration = ProviderConfiguration(),
        _ body: (House) async throws -> Result
    ) async throws -> Result {
        let house = try await House(setup, provider)
        do {
            let result = try await body(house)
            try await house.end()
            return result
        } catch {
            try? await house.end()
            throw error
        }
    }

    private func end() async throws {
        agent.stop()
        // The agent first: a provider that hangs up would look like a fault of its own.
        let outcome = await running.result
        await provider.shutdown()
        try outcome.get()
    }

    func connect() throws -> Caller { try Caller(socket) }

    func stats(_ path: String, method: String = "GET") async throws -> HTTPExchange {
        try await HTTPExchange.get(path, at: agent.paths.statsSocket, method: method)
    }

    func status() async throws -> Event { try await stats("/status").json }

    func metrics() async throws -> String { try await stats("/metrics").body }

    /// One request on the admin socket.
    func admin(_ path: String, method: String = "POST") async throws -> HTTPExchange {
        try await HTTPExchange.get(path, at: agent.paths.adminSocket, method: method)
    }

    /// Puts another configuration in force.
    func reload(_ setup: Setup) async throws {
        try scratch.write("config.yaml", setup.yaml(scratch))
        let answer = try await admin("/reload")
        #expect(answer.body == "reloaded\n", "\(answer.body)")
    }

    /// Returns when the stand-in has so many answers under way.
    func underWay(_ count: Int) async throws {
        try await eventually("\(count) answers under way at the provider") { provider.stats().inFlight == count }
    }

    /// Returns when so many clients have left the stand-in, and nothing is under way there.
    func abandoned(_ count: Int) async throws {
        try await eventually("\(count) transfers closed early") { provider.stats().clientsLeft == count }
        #expect(provider.stats().inFlight == 0)
    }
}
