internal import CCurl
internal import Glibc
internal import Synchronization

/// What other threads ask of the engine.
enum EngineCommand: Sendable {
    case submit(UpstreamRequest)
    case cancel(UInt64)
    case pause(UInt64)
    case resume(UInt64)
    case beat(@Sendable () -> Void)
    case retire(UpstreamProfile)
    case stop
}

/// The bounded way into the engine thread: a locked array and an eventfd that is written only while the thread may
/// sleep.
final class CommandInbox: Sendable {
    private struct State {
        var commands: [EngineCommand] = []
        var mayBeAsleep = false
        var isClosed = false
        var outstanding = 0
        var stats = UpstreamStats()
    }

    let wakeup: Int32
    private let limits: UpstreamLimits
    private let state = Mutex(State())

    init(limits: UpstreamLimits) throws(UpstreamEngineError) {
        self.limits = limits
        wakeup = sluice_wakeup_create()
        guard wakeup >= 0 else { throw .resources(errno: errno) }
    }

    deinit { if wakeup >= 0 { Glibc.close(wakeup) } }

    /// Accepts an exchange unless the bound on live ones is reached or the inbox is closed.
    func submit(_ request: UpstreamRequest) -> Bool {
        put(.submit(request)) { state in
            guard state.outstanding < limits.liveTransfers else { return false }
            state.outstanding += 1
            return true
        }
    }

    /// Accepts any other command.
    func send(_ command: EngineCommand) -> Bool {
        put(command) { _ in true }
    }

    /// Lets nothing in after this last command.
    func close(with command: EngineCommand) {
        let wake = state.withLock { state in
            guard !state.isClosed else { return false }
            state.isClosed = true
            state.commands.append(command)
            defer { state.mayBeAsleep = false }
            return state.mayBeAsleep
        }
        if wake { _ = sluice_wakeup_signal(wakeup) }
    }

    /// Engine thread: swaps the waiting commands with `spare`, an empty array whose storage is used again.
    func take(into spare: inout [EngineCommand]) {
        state.withLock { state in
            state.mayBeAsleep = false
            swap(&state.commands, &spare)
        }
    }

    /// Engine thread: `ended` exchanges are about to be reported.
    func settle(ended: Int, stats: UpstreamStats) {
        state.withLock { state in
            state.outstanding -= ended
            precondition(state.outstanding >= 0, "more ends than submissions: \(state.outstanding)")
            state.stats = stats
        }
    }

    /// Engine thread: true when nothing waits; from then on a command writes the wake-up descriptor.
    func maySleep() -> Bool {
        state.withLock { state in
            state.mayBeAsleep = state.commands.isEmpty
            return state.mayBeAsleep
        }
    }

    func stats() -> UpstreamStats {
        state.withLock { $0.stats }
    }

    private func put(_ command: EngineCommand, _ admit: (inout State) -> Bool) -> Bool {
        let (accepted, wake) = state.withLock { state in
            guard !state.isClosed, state.commands.count < limits.commands, admit(&state) else { return (false, false) }
            state.commands.append(command)
            let wake = state.mayBeAsleep
            state.mayBeAsleep = false
            return (true, wake)
        }
        if wake { _ = sluice_wakeup_signal(wakeup) }
        return accepted
    }
}
