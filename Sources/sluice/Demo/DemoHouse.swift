import Foundation
import Logging
import SluiceAgent
import SluiceConfig
import SluiceProvider

/// Everything a demonstration needs, in one process and one temporary directory: the stand-in and a real agent.
final class DemoHouse: Sendable {
    let directory: String
    let socket: String
    private let provider: ProviderServer
    private let agent: Agent
    private let serving: Task<Void, any Error>

    /// The stand-in's quota: small enough that the burst has to queue.
    static let requestsPerMinute = 900
    static let tokensPerMinute = 400_000

    private init(directory: String, provider: ProviderServer, agent: Agent, serving: Task<Void, any Error>) {
        self.directory = directory
        socket = agent.paths.agentSocket
        self.provider = provider
        self.agent = agent
        self.serving = serving
    }

    /// Starts the stand-in, then the agent on top of it.
    static func open() async throws -> DemoHouse {
        let directory = NSTemporaryDirectory() + "sluice-demo-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let provider = try await ProviderServer.start(standIn(in: directory))
        let file = directory + "/sluice.yaml"
        try configuration(in: directory).write(toFile: file, atomically: true, encoding: .utf8)
        let agent = try Agent(
            AgentOptions(
                configurationFile: file, runtimeDirectory: directory, stateDirectory: directory + "/state",
                environment: ["OPENAI_API_KEY": "sk-demo"])
        ) { _ in Logger(label: "sluice") { _ in SwiftLogNoOpLogHandler() } }
        let (ready, signal) = AsyncStream<Void>.makeStream()
        let serving = Task {
            defer { signal.finish() }
            try await agent.run(isDaemon: false) { signal.finish() }
        }
        for await _ in ready {}
        return DemoHouse(directory: directory, provider: provider, agent: agent, serving: serving)
    }

    private static func standIn(in directory: String) -> ProviderConfiguration {
        var configuration = ProviderConfiguration()
        configuration.host = nil
        configuration.unixPath = directory + "/provider.sock"
        configuration.limits = RateLimits(
            requestsPerMinute: requestsPerMinute, tokensPerMinute: tokensPerMinute)
        configuration.latency = LatencyModel(firstTokenMS: 120, tokensPerSecond: 40)
        return configuration
    }

    private static func configuration(in directory: String) -> String {
        """
        upstreams:
          - name: openai
            base_url: http://localhost/v1
            unix_socket: \(directory)/provider.sock
            keys: [{name: demo, env: OPENAI_API_KEY}]
        """
    }

    func status() async throws -> StatusReport {
        let data = try await StatsClient.get("/status", socket: agent.paths.statsSocket)
        return try JSONDecoder().decode(StatusReport.self, from: data)
    }

    /// 429s that the stand-in had to give.
    var rateLimited: Int { provider.stats().rateLimited }
    /// Requests that the stand-in received.
    var received: Int { provider.stats().requests }

    func close() async {
        agent.stop()
        _ = try? await serving.value
        await provider.shutdown()
        try? FileManager.default.removeItem(atPath: directory)
    }
}
