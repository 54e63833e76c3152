import Dispatch
import SluicePolicy
import Synchronization

/// Writes one line of JSON for each call, for `sluice simulate` to replay. ``record(_:)`` never waits: entries go into
/// a buffer of ``bufferSize`` that a thread of its own writes out. When the buffer is full, entries are dropped and
/// counted; when the file has reached its cap, or cannot be written, recording ends. Each of these is said once.
final class TraceRecorder: Sendable {
    /// Entries that may wait for the disk: about a second of the most calls that one agent carries, a few megabytes.
    static let bufferSize = 16384

    /// What there is to say about a trace; each at most once.
    enum Remark: Sendable, Equatable, CustomStringConvertible {
        /// The first entry was dropped because the disk is slower than calls come.
        case fallsBehind
        /// The file has reached its cap; recording has ended.
        case full
        /// The file cannot be written; recording has ended.
        case failed(TraceFile.Failure)

        var description: String {
            switch self {
            case .fallsBehind: "the trace leaves calls out: they come faster than the disk takes them"
            case .full: "the trace has reached trace.max_size; recording has ended"
            case .failed(let failure): "recording has ended: the trace \(failure)"
            }
        }
    }

    /// How many calls were written, and how many were left out because the buffer was full.
    struct Counts: Sendable, Equatable {
        var written = 0
        var dropped = 0
    }

    private struct State {
        var waiting: [TraceEntry] = []
        var isWriting = false
        var isOpen = true
        var counts = Counts()
    }

    private let startedAt: MonotonicTime
    private let state = Mutex(State())
    /// Of the writer alone, on ``queue``; nil once recording has ended.
    private let file: Mutex<TraceFile?>
    private let queue: DispatchQueue
    private let remark: @Sendable (Remark) -> Void

    /// Begins a trace.
    ///
    /// - Parameters:
    ///   - startedAt: what `at_us` counts from.
    ///   - remark: is told what there is to say, on any thread; it may not call back.
    convenience init(
        path: String, maxSize: Int, startedAt: MonotonicTime, remark: @escaping @Sendable (Remark) -> Void
    ) throws(TraceFile.Failure) {
        self.init(
            try TraceFile(path: path, maxSize: maxSize), startedAt: startedAt,
            queue: DispatchQueue(label: "sluice.trace", qos: .utility), remark: remark)
    }

    /// Begins a trace in an open file, written on the given serial queue.
    init(
        _ file: consuming TraceFile, startedAt: MonotonicTime, queue: DispatchQueue,
        remark: @escaping @Sendable (Remark) -> Void
    ) {
        self.file = Mutex(file)
        self.startedAt = startedAt
        self.queue = queue
        self.remark = remark
    }

    /// How many calls were written and left out so far.
    var counts: Counts { state.withLock { $0.counts } }

    /// Takes one call. A call that arrived before the trace began is passed over: a replay could not place it.
    func record(_ entry: TraceEntry) {
        guard entry.arrivedAt >= startedAt else { return }
        let (mustStart, isFirstDrop) = state.withLock { state -> (Bool, Bool) in
            guard state.isOpen else { return (false, false) }
            guard state.waiting.count < Self.bufferSize else {
                state.counts.dropped += 1
                return (false, state.counts.dropped == 1)
            }
            state.waiting.append(entry)
            defer { state.isWriting = true }
            return (!state.isWriting, false)
        }
        if isFirstDrop { remark(.fallsBehind) }
        if mustStart { queue.async { self.writeOut() } }
    }

    /// Writes what waits and ends the trace; what is recorded later is passed over. Waits for the disk, so it is not
    /// for the event loop.
    func close() {
        let wasOpen = state.withLock { state in
            defer { state.isOpen = false }
            return state.isOpen
        }
        guard wasOpen else { return }
        queue.sync {
            writeOut()
            file.withLock { $0 = nil }
        }
    }

    private func writeOut() {
        while true {
            let batch = state.withLock { state -> [TraceEntry] in
                state.isWriting = !state.waiting.isEmpty
                defer { state.waiting.removeAll() }
                return state.waiting
            }
            if batch.isEmpty { return }
            if let end = write(batch) { return stop(end) }
        }
    }

    /// Writes a batch; answers why recording ends with it, if it does.
    private func write(_ batch: [TraceEntry]) -> Remark? {
        file.withLock { file -> Remark? in
            guard file != nil else { return nil }
            do throws(TraceFile.Failure) {
                let fits = try Self.append(batch, since: startedAt, to: &file)
                note(written: file?.lines)
                return fits ? nil : .full
            } catch {
                note(written: file?.lines)
                return .failed(error)
            }
        }
    }

    /// Answers false when the file is full.
    private static func append(
        _ batch: [TraceEntry], since start: MonotonicTime, to file: inout TraceFile?
    ) throws(TraceFile.Failure) -> Bool {
        var fits = true
        for entry in batch where fits { fits = try file?.append(entry.line(since: start)) ?? true }
        try file?.flush()
        return fits
    }

    private func note(written: Int?) {
        guard let written else { return }
        state.withLock { $0.counts.written = written }
    }

    private func stop(_ reason: Remark) {
        state.withLock { state in
            state.isOpen = false
            state.waiting.removeAll()
        }
        file.withLock { $0 = nil }
        remark(reason)
    }
}
