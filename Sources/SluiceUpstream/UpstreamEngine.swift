/// HTTP exchanges with upstreams, many at a time, on libcurl's multi interface and one thread of its own.
///
/// Every method may be called from any thread and only leaves a note for the engine's thread. The engine never retries.
/// libcurl does in one case: a reused connection that dies before a single byte of an answer is taken for one that the
/// server had closed meanwhile, and the request goes out again on another connection (at most 5 times);
/// ``UpstreamEnd/sends`` and ``UpstreamStats/resent`` tell.
package final class UpstreamEngine: Sendable {
    private let inbox: CommandInbox
    private let thread: EngineThread

    /// Starts the engine's thread.
    ///
    /// - Parameters:
    ///   - limits: the bounds.
    ///   - deliver: receives events in order, at most once per turn, on the engine's thread. It must not block, and
    ///     must not call ``shutdown()``; every other method is fine.
    /// - Throws: when libcurl or the kernel refuses what is needed.
    package init(
        limits: UpstreamLimits = UpstreamLimits(), deliver: @escaping @Sendable ([UpstreamEvent]) -> Void
    ) throws(UpstreamEngineError) {
        let inbox = try CommandInbox(limits: limits)
        let loop = try EngineLoop(limits: limits, inbox: inbox, deliver: deliver)
        self.inbox = inbox
        self.thread = try EngineThread(loop)
    }

    deinit {
        inbox.close(with: .stop)
        if thread.isCurrent { thread.detach() } else { thread.join() }
    }

    /// Begins an exchange. False when it was not accepted (the bound on live exchanges is reached, or the engine is
    /// shut down) and no event will come; true promises exactly one `end`. The token must not be live.
    package func submit(_ request: UpstreamRequest) -> Bool {
        inbox.submit(request)
    }

    /// Ends an exchange with `.cancelled` at once, closing its HTTP/1.1 connection or resetting its HTTP/2 stream. A
    /// token that is not live is ignored. False when the engine is shut down or so far behind that its queue is full.
    @discardableResult
    package func cancel(_ token: UInt64) -> Bool {
        inbox.send(.cancel(token))
    }

    /// Stops reading a streamed answer, this one only. What was read before the engine's next turn still comes (from
    /// HTTP/1.1 at most 80 KiB), and so does an end. The idle timeout rests. No effect on a buffered answer. Over
    /// HTTP/2 up to ``UpstreamLimits/heldBytesPerStream`` are read and held back first.
    @discardableResult
    package func pause(_ token: UInt64) -> Bool {
        inbox.send(.pause(token))
    }

    /// Goes on reading; nothing is lost.
    @discardableResult
    package func resume(_ token: UInt64) -> Bool {
        inbox.send(.resume(token))
    }

    /// Calls `reply` on the engine's thread in its next turn, which proves that the loop turns. After shutdown: false,
    /// and no call.
    @discardableResult
    package func beat(_ reply: @escaping @Sendable () -> Void) -> Bool {
        inbox.send(.beat(reply))
    }

    /// Drops the profile's idle handles; exchanges in progress go on. Submitting with it again builds new ones.
    @discardableResult
    package func retire(_ profile: UpstreamProfile) -> Bool {
        inbox.send(.retire(profile))
    }

    /// The state as of the engine's last turn.
    package func stats() -> UpstreamStats {
        inbox.stats()
    }

    /// Ends every exchange with `.cancelled`, then the thread, and returns when it is gone. Not from `deliver` or
    /// `beat`.
    package func shutdown() {
        precondition(!thread.isCurrent, "shutdown from the engine's own thread")
        inbox.close(with: .stop)
        thread.join()
    }
}
