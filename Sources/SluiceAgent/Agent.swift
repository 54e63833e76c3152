import Dispatch
import Glibc
package import Logging
import NIOCore
import NIOPosix
package import SluiceConfig
import SluiceHost
import SluiceTelemetry
import SluiceUpstream
import SluiceWire

/// How to start an agent.
package struct AgentOptions: Sendable {
    /// The configuration file; nil for defaults and environment alone.
    package var configurationFile: String?
    package var runtimeDirectory: String?
    package var stateDirectory: String?
    package var environment: [String: String]
    /// Puts what a reload says of the log in force; called on the agent's event loop.
    package var applyLog: @Sendable (LogSettings) -> Void = { _ in }

    package init(
        configurationFile: String? = nil, runtimeDirectory: String? = nil, stateDirectory: String? = nil,
        environment: [String: String]
    ) {
        self.configurationFile = configurationFile
        self.runtimeDirectory = runtimeDirectory
        self.stateDirectory = stateDirectory
        self.environment = environment
    }
}

/// Why the agent could not start, a line for each problem.
package struct AgentStartError: Error, Sendable, CustomStringConvertible {
    package var problems: [String]
    package var description: String { problems.joined(separator: "\n") }
}

/// The daemon: reads its configuration, opens its sockets, serves until it is told to stop, and drains.
package final class Agent: Sendable {
    /// Where it listens.
    package let paths: RuntimePaths
    package let configuration: Configuration

    private let group: MultiThreadedEventLoopGroup
    private let factWorkers = NIOThreadPool(numberOfThreads: 1)
    private let coordinator: NIOLoopBound<Coordinator>
    private let engine: UpstreamEngine
    private let options: AgentOptions
    private let logger: Logger
    private let notifier = ServiceNotifier()
    private let stopped: EventLoopPromise<Void>

    /// Prepares an agent: nothing listens yet.
    ///
    /// - Throws: ``AgentStartError`` with every problem of configuration and keys at once.
    package init(_ options: AgentOptions, makeLogger: (LogSettings) -> Logger) throws(AgentStartError) {
        let loaded = try AgentSetup.load(options)
        do {
            paths = try RuntimePaths.resolve(
                loaded.configuration.agent, runtimeDirectory: options.runtimeDirectory,
                stateDirectory: options.stateDirectory, environment: options.environment)
        } catch {
            throw AgentStartError(problems: error.problems.map { "\($0)" })
        }
        self.options = options
        configuration = loaded.configuration
        logger = makeLogger(loaded.configuration.agent.log)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let logger = logger
        let startTime = ProcessSelf.startTime ?? Double(WallClock.nowMS) / 1000
        let bound: NIOLoopBound<Coordinator>
        do {
            bound = try loop.submit {
                NIOLoopBound(
                    Coordinator(
                        loop: loop, configuration: loaded.configuration, routes: loaded.routes,
                        metrics: Meter(AgentMetrics(version: SluiceVersion.current, startTime: startTime)),
                        logger: logger), eventLoop: loop)
            }.wait()
            engine = try UpstreamEngine { events in
                loop.execute { bound.value.take(events) }
            }
        } catch {
            throw AgentStartError(problems: ["cannot start: \(error)"])
        }
        coordinator = bound
        stopped = loop.makePromise(of: Void.self)
        factWorkers.start()
    }

    /// Serves until SIGTERM, SIGINT or ``stop()``, then drains. Call it once.
    ///
    /// - Parameters:
    ///   - isDaemon: whether the process is the agent's own: it then answers signals and takes sockets from the service
    ///     manager.
    ///   - ready: called once every socket listens.
    package func run(isDaemon: Bool = true, ready: @escaping @Sendable () -> Void = {}) async throws {
        do {
            try await serve(isDaemon: isDaemon, ready: ready)
        } catch {
            stopped.succeed(())
            try? await finish()
            throw error
        }
    }

    private func serve(isDaemon: Bool, ready: @escaping @Sendable () -> Void) async throws {
        if isDaemon { ProcessSelf.raiseDescriptorLimit() }
        var activated = isDaemon ? try SocketActivation.take() : ActivatedSockets()
        for stray in activated.unserved { logger.warning("\(stray)") }
        let listeners = Listeners(group: group, coordinator: coordinator, factWorkers: factWorkers)
        // A socket that the service manager held has callers waiting: they may speak as soon as it is served.
        try await begin()
        try await listen(listeners, &activated)
        let lifecycle = Lifecycle(
            coordinator: coordinator, engine: engine, notifier: notifier, logger: logger, loop: group.next(),
            stopped: stopped,
            reload: { [options] in
                let result = AgentSetup.reload(options)
                if case .success(let loaded) = result { options.applyLog(loaded.configuration.agent.log) }
                return result
            })
        if isDaemon { lifecycle.watchSignals() }
        lifecycle.start()
        logger.info(
            "ready", metadata: ["socket": "\(paths.agentSocket)", "version": "\(SluiceVersion.current)"])
        ready()
        if isDaemon { StartupPages.release() }
        try await stopped.futureResult.get()
        listeners.closeCallers()
        await lifecycle.drain()
        listeners.close()
        try await finish()
    }

    /// Sets the answer that plain calls get which are refused before anything was sent for them; nil leaves them the
    /// error.
    func answerRefused(_ hook: (@Sendable (CallPlan, ErrorCode) -> [UInt8]?)?) async throws {
        let coordinator = coordinator
        try await group.next().submit { coordinator.value.degradedAnswer = hook }.get()
    }

    /// Ends ``run(isDaemon:ready:)`` as SIGTERM would.
    package func stop() { stopped.succeed(()) }

    private func listen(_ listeners: Listeners, _ activated: inout ActivatedSockets) async throws {
        let sockets = configuration.agent.sockets
        let agent = try listeners.descriptor(.agent, at: paths.agentSocket, sockets.agent, activated: &activated)
        let stats = try listeners.descriptor(.stats, at: paths.statsSocket, sockets.stats, activated: &activated)
        let admin = try listeners.descriptor(.admin, at: paths.adminSocket, sockets.admin, activated: &activated)
        try await listeners.serveHTTP(stats, .stats)
        try await listeners.serveHTTP(admin, .admin)
        if let address = configuration.agent.statsListen {
            try await listeners.serveHTTP(host: address.host, port: address.port, .stats)
        }
        // Last, so that whoever can make a call can also see its effect.
        try await listeners.serveCallers(agent)
    }

    private func begin() async throws {
        let engine = engine
        let coordinator = coordinator
        try await group.next().submit {
            coordinator.value.upstream = engine
            coordinator.value.applyTrace()
        }.get()
    }

    private func finish() async throws {
        engine.shutdown()
        let coordinator = coordinator
        let trace = try await group.next().submit { coordinator.value.trace }.get()
        trace?.close()
        try await factWorkers.shutdownGracefully()
        try await group.shutdownGracefully()
    }
}
