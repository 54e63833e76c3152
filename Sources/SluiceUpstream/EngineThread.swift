internal import CCurl
internal import Glibc
internal import Synchronization

/// The engine's own thread: named, deaf to signals (they belong to the main thread, and a broken connection must not
/// raise SIGPIPE), joined once.
final class EngineThread: Sendable {
    private let thread: pthread_t
    private let isGone = Mutex(false)

    /// Starts `loop`, which nobody may touch from here on.
    init(_ loop: sending EngineLoop) throws(UpstreamEngineError) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(loop)
        let result = pthread_create(&thread, nil, { EngineThread.main($0) }, context.toOpaque())
        guard result == 0 else {
            context.release()
            throw .resources(errno: result)
        }
        self.thread = thread
    }

    var isCurrent: Bool { pthread_equal(pthread_self(), thread) != 0 }

    /// Waits for the thread's end; later calls return when the first has.
    func join() {
        isGone.withLock { isGone in
            if !isGone { pthread_join(thread, nil) }
            isGone = true
        }
    }

    /// Lets the thread end by itself.
    func detach() {
        isGone.withLock { isGone in
            if !isGone { pthread_detach(thread) }
            isGone = true
        }
    }

    private static func main(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let context else { return nil }
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
        sluice_name_this_thread("sluice-upstream")
        Unmanaged<EngineLoop>.fromOpaque(context).takeRetainedValue().run()
        return nil
    }
}
