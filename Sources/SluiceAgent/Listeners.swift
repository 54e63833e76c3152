import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import SluiceConfig
import SluiceHost
import SluiceWire

/// The agent's listening sockets: from the service manager where it passed them, else made here.
final class Listeners {
    private var callers: (any Channel)?
    private var channels: [any Channel] = []
    private var files: [ActivatedSocketName: SocketFile] = [:]
    private let group: any EventLoopGroup
    private let coordinator: NIOLoopBound<Coordinator>
    private let factWorkers: NIOThreadPool
    private let users = UserNames()

    init(group: any EventLoopGroup, coordinator: NIOLoopBound<Coordinator>, factWorkers: NIOThreadPool) {
        self.group = group
        self.coordinator = coordinator
        self.factWorkers = factWorkers
    }

    /// A descriptor for one of the three sockets.
    ///
    /// - Throws: when another agent listens there, or the path cannot be used.
    func descriptor(
        _ name: ActivatedSocketName, at path: String, _ settings: SocketSettings, activated: inout ActivatedSockets
    ) throws -> NIOBSDSocket.Handle {
        if let passed = activated.take(name) { return passed }
        let file = try SocketFile.listen(
            at: path, options: SocketFile.Options(mode: UInt32(settings.mode), group: settings.group))
        files[name] = file
        return file.descriptor
    }

    func serveCallers(_ descriptor: NIOBSDSocket.Handle) async throws {
        let coordinator = coordinator
        let users = users
        let workers = factWorkers
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelInitializer(Self.pauseAfterFailedAccept)
            .childChannelOption(
                .writeBufferWaterMark,
                value: .init(low: AgentLimits.outboundLowWater, high: AgentLimits.outboundHighWater)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Self.accept(channel, coordinator.value, users, workers)
                }
            }
        callers = try await bootstrap.withBoundSocket(descriptor).get()
    }

    func serveHTTP(_ descriptor: NIOBSDSocket.Handle, _ routes: HTTPRoutes) async throws {
        channels.append(try await httpBootstrap(routes).withBoundSocket(descriptor).get())
    }

    func serveHTTP(host: String, port: Int, _ routes: HTTPRoutes) async throws {
        channels.append(try await httpBootstrap(routes).bind(host: host, port: port).get())
    }

    private func httpBootstrap(_ routes: HTTPRoutes) -> ServerBootstrap {
        let coordinator = coordinator
        return ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer(Self.pauseAfterFailedAccept)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // Whoever may read statistics may not use up the descriptors that callers need.
                    guard coordinator.value.httpConnections < AgentLimits.httpConnections else {
                        channel.close(promise: nil)
                        return
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        IdleStateHandler(allTimeout: .seconds(AgentLimits.httpIdleSeconds)))
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(
                        HTTPHandler(routes: routes, coordinator: coordinator.value))
                }
            }
    }

    /// No more callers. Those that are connected go on, and whoever watches can watch to the end.
    func closeCallers() {
        // The path before the descriptor: see `SocketFile.removePath`.
        files.removeValue(forKey: .agent)?.removePath()
        callers?.close(promise: nil)
    }

    /// Nobody else either.
    func close() {
        for file in files.values { file.removePath() }
        for channel in channels { channel.close(promise: nil) }
    }

    /// Without a descriptor left the listener stays readable: asking again at once would be a loop that never rests.
    private static func pauseAfterFailedAccept(_ listener: any Channel) -> EventLoopFuture<Void> {
        listener.eventLoop.makeCompletedFuture {
            try listener.pipeline.syncOperations.addHandler(AcceptBackoffHandler { _ in .milliseconds(100) })
        }
    }

    private static func accept(
        _ channel: any Channel, _ coordinator: Coordinator, _ users: UserNames, _ workers: NIOThreadPool
    ) throws {
        let credentials = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { try? PeerIdentity.credentials(of: $0) }
        let session: Session
        do throws(WireError) {
            session = try coordinator.admitSession(credentials ?? nil)
        } catch {
            refuse(channel, error)
            return
        }
        try channel.pipeline.syncOperations.addHandler(session)
        guard let credentials = session.credentials else { return }
        let bound = NIOLoopBound(session, eventLoop: channel.eventLoop)
        workers.runIfActive(eventLoop: channel.eventLoop) {
            PeerIdentity.facts(of: credentials, users: users)
        }.whenSuccess { bound.value.facts = $0 }
    }

    private static func refuse(_ channel: any Channel, _ error: WireError) {
        var writer = FrameWriter()
        writer.error(id: nil, error)
        channel.writeAndFlush(channel.allocator.buffer(bytes: writer.bytes)).whenComplete { _ in
            channel.close(promise: nil)
        }
    }
}
