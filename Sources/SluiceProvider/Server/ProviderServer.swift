import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// An OpenAI stand-in for tests and demos, on TCP and on a Unix socket.
///
/// It imitates the API's shapes, limits and errors; it holds no model, and says so in the headers `server` and
/// `x-sluice-stand-in` of every reply.
package final class ProviderServer: Sendable {
    /// The TCP port that it listens on, if it does.
    package let tcpPort: Int?

    private let standIn: StandIn
    private let group: MultiThreadedEventLoopGroup
    private let listeners: [any Channel]

    private init(
        standIn: StandIn, group: MultiThreadedEventLoopGroup, listeners: [any Channel], tcpPort: Int?
    ) {
        self.standIn = standIn
        self.group = group
        self.listeners = listeners
        self.tcpPort = tcpPort
    }

    /// Starts listening. Throws the system's error when an address cannot be bound.
    package static func start(_ configuration: ProviderConfiguration) async throws -> ProviderServer {
        let standIn = StandIn(configuration, nowNS: NIODeadline.now().uptimeNanoseconds)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(configuration.threads, 1))
        var listeners: [any Channel] = []
        do {
            if let host = configuration.host {
                let bootstrap = bootstrap(group, standIn)
                    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                    .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                listeners.append(try await bootstrap.bind(host: host, port: configuration.port).get())
            }
            let tcpPort = listeners.first?.localAddress?.port
            if let path = configuration.unixPath {
                let bind = bootstrap(group, standIn)
                    .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true)
                listeners.append(try await bind.get())
            }
            return ProviderServer(standIn: standIn, group: group, listeners: listeners, tcpPort: tcpPort)
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
    }

    private static func bootstrap(_ group: MultiThreadedEventLoopGroup, _ standIn: StandIn) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try pipeline.addHandler(ExchangeHandler(standIn))
                }
            }
    }

    /// What it has received and sent so far.
    package func stats() -> ProviderStats {
        standIn.recording { $0.snapshot }
    }

    /// Starts the counts afresh; what is under way stays counted as such.
    package func resetStats() {
        standIn.recording { $0.reset() }
    }

    /// Stops listening, drops every connection and removes the socket file.
    package func shutdown() async {
        for listener in listeners {
            try? await listener.close()
        }
        if let path = standIn.configuration.unixPath { unlink(path) }
        try? await group.shutdownGracefully()
    }
}
