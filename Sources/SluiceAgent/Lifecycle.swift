import Dispatch
import Glibc
import Logging
import NIOCore
import SluiceConfig
import SluiceHost
import SluiceUpstream

/// The daemon's life under a service manager: ready, status, watchdog, reload, stop.
final class Lifecycle: Sendable {
    private let coordinator: NIOLoopBound<Coordinator>
    private let engine: UpstreamEngine
    private let notifier: ServiceNotifier
    private let logger: Logger
    private let loop: any EventLoop
    private let reload: @Sendable () -> Result<AgentSetup.Loaded, AgentStartError>
    private let signals: SignalWatch
    private let stopped: EventLoopPromise<Void>

    /// How often the status line is renewed, stuck streams are looked for and those who wait are told.
    private static let beat = TimeAmount.seconds(1)

    init(
        coordinator: NIOLoopBound<Coordinator>, engine: UpstreamEngine, notifier: ServiceNotifier, logger: Logger,
        loop: any EventLoop, stopped: EventLoopPromise<Void>,
        reload: @escaping @Sendable () -> Result<AgentSetup.Loaded, AgentStartError>
    ) {
        self.coordinator = coordinator
        self.engine = engine
        self.notifier = notifier
        self.logger = logger
        self.loop = loop
        self.reload = reload
        self.stopped = stopped
        signals = SignalWatch()
    }

    /// Tells the service manager that the agent is up and keeps telling it how it is.
    func start() {
        loop.execute { self.coordinator.value.onReloadRequest = { self.reloadNow() } }
        notifier.ready(status: "running")
        loop.scheduleRepeatedTask(initialDelay: Self.beat, delay: Self.beat) { _ in self.everySecond() }
        guard let interval = Watchdog.intervalUSec else { return }
        let third = TimeAmount.microseconds(Int64(max(interval / 3, 10_000)))
        loop.scheduleRepeatedTask(initialDelay: .zero, delay: third) { _ in self.beatWatchdog() }
    }

    /// SIGTERM and SIGINT stop, SIGHUP reloads.
    func watchSignals() {
        let stop = stopped
        signals.on(SIGTERM) { stop.succeed(()) }
        signals.on(SIGINT) { stop.succeed(()) }
        signals.on(SIGHUP) { self.loop.execute { _ = self.reloadNow() } }
    }

    /// The token goes round: this runs on the coordinator's loop, hops to the upstream engine's thread, comes back, and
    /// only then is the watchdog told.
    private func beatWatchdog() {
        engine.beat { [notifier, loop] in
            loop.execute { notifier.watchdog() }
        }
    }

    private func everySecond() {
        let coordinator = coordinator.value
        coordinator.sweepStalled()
        coordinator.refreshQueued()
        let load = coordinator.load
        let state = coordinator.isDraining ? "draining" : "running"
        notifier.status(
            "\(state): \(load.inFlight) in flight, \(load.queued) queued, \(coordinator.sessions.count) connections")
    }

    // MARK: Reload

    /// Applies the configuration file anew, wholly or not at all; answers with the problems.
    private func reloadNow() -> [String] {
        guard !coordinator.value.isDraining else { return ["the agent is stopping"] }
        notifier.reloading(status: "reloading")
        defer { notifier.ready(status: "running") }
        switch reload() {
        case .success(let loaded):
            warnOfRestart(loaded.configuration.changes(from: coordinator.value.configuration))
            coordinator.value.reload(loaded.configuration, routes: loaded.routes)
            coordinator.value.metrics.reloaded(success: true)
            logger.info("configuration reloaded")
            return []
        case .failure(let error):
            coordinator.value.metrics.reloaded(success: false)
            for problem in error.problems { logger.error("\(problem)") }
            logger.error("configuration not reloaded, the old one stays in force")
            return error.problems
        }
    }

    /// What was changed and cannot be applied to a running agent.
    private func warnOfRestart(_ changes: [ConfigurationChange]) {
        for change in changes where change.effect == .restart {
            logger.warning("a changed setting needs a restart", metadata: ["change": "\(change)"])
        }
    }

    // MARK: Stop

    /// Lets calls in flight finish up to the configured bound, then ends them.
    func drain() async {
        notifier.stopping(status: "draining")
        logger.info("stopping: draining")
        let callsEnded = loop.flatSubmit {
            let coordinator = self.coordinator.value
            coordinator.beginDrain()
            let bound = TimeAmount.nanoseconds(coordinator.configuration.agent.drainTimeout.wholeNanoseconds)
            return self.wait(atMost: bound) { self.coordinator.value.callsByID.isEmpty }
        }
        _ = try? await callsEnded.get()
        let clientsGone = loop.flatSubmit {
            self.coordinator.value.endDrain()
            return self.wait(atMost: Self.lastWrites) { self.coordinator.value.sessions.isEmpty }
        }
        _ = try? await clientsGone.get()
        logger.info("stopped")
    }

    /// How long clients may take to read their last events.
    private static let lastWrites = TimeAmount.seconds(2)

    /// Looks every 20 ms whether `condition` holds, and asks the service manager for the time it takes.
    private func wait(
        atMost bound: TimeAmount, until condition: @escaping @Sendable () -> Bool
    ) -> EventLoopFuture<Void> {
        let finished = loop.makePromise(of: Void.self)
        look(until: NIODeadline.now() + bound, condition, finished)
        return finished.futureResult
    }

    private func look(
        until deadline: NIODeadline, _ condition: @escaping @Sendable () -> Bool, _ finished: EventLoopPromise<Void>
    ) {
        guard !condition(), NIODeadline.now() < deadline else {
            finished.succeed(())
            return
        }
        notifier.extendTimeout(microseconds: 5_000_000)
        loop.scheduleTask(in: .milliseconds(20)) { self.look(until: deadline, condition, finished) }
    }
}

/// Signals as events. The process's own handling of each one is turned off for good.
final class SignalWatch: Sendable {
    private let queue = DispatchQueue(label: "sluice.signals")

    func on(_ signal: Int32, _ action: @escaping @Sendable () -> Void) {
        Glibc.signal(signal, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: signal, queue: queue)
        source.setEventHandler(handler: action)
        source.resume()
        // A signal stays watched for as long as the process lives.
        _ = Unmanaged.passRetained(source as AnyObject)
    }
}
