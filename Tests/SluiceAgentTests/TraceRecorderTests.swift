import Dispatch
import Foundation
import Glibc
import SluicePolicy
import SluiceWire
import Synchronization
import Testing

@testable import SluiceAgent

@Suite("The trace of calls")
struct TraceRecorderTests {
    private static let start = MonotonicTime(microseconds: 5_000_000)

    private static func entry(_ number: Int64, tenant: String? = "acme") -> TraceEntry {
        TraceEntry(
            arrivedAt: MonotonicTime(microseconds: 5_000_000 + number), lane: .batch, tenant: tenant, feature: "chat",
            model: "gpt-4o", endpoint: "chat/completions", pool: "main/gpt-4o", bytes: 512, reservedTokens: 900,
            maxOutput: 100, stream: true, deadlineMS: 4000, inputTokens: 120, outputTokens: 30, queuedMicroseconds: 7,
            upstreamMicroseconds: 800, firstByteMicroseconds: 300, attempts: 2, outcome: "ok", status: 200)
    }

    private final class Remarks: Sendable {
        let all = Mutex<[TraceRecorder.Remark]>([])
        var note: @Sendable (TraceRecorder.Remark) -> Void { { remark in self.all.withLock { $0.append(remark) } } }
    }

    private func lines(_ path: String) throws -> [[String: Any]] {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.isEmpty || text.hasSuffix("\n"))
        return try text.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
    }

    @Test("a line for each call, with every field, in a file of its owner alone")
    func fields() throws {
        let scratch = try Scratch()
        let path = scratch.file("trace.jsonl")
        let remarks = Remarks()
        let recorder = try TraceRecorder(path: path, maxSize: 1 << 20, startedAt: Self.start, remark: remarks.note)
        recorder.record(Self.entry(42))
        recorder.close()
        let line = try #require(lines(path).first)
        let expected: [String: Any] = [
            "at_us": 42, "lane": "batch", "tenant": "acme", "feature": "chat", "model": "gpt-4o",
            "endpoint": "chat/completions", "pool": "main/gpt-4o", "bytes": 512, "reserved_tokens": 900,
            "max_output": 100, "stream": true, "deadline_ms": 4000, "input_tokens": 120, "output_tokens": 30,
            "queued_us": 7, "upstream_us": 800, "first_byte_us": 300, "attempts": 2, "outcome": "ok", "status": 200,
        ]
        #expect(NSDictionary(dictionary: line) == NSDictionary(dictionary: expected))
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(recorder.counts == TraceRecorder.Counts(written: 1, dropped: 0))
        #expect(remarks.all.withLock { $0 } == [])
    }

    @Test("what is not known is left out, and no name can break a line")
    func absentAndOdd() throws {
        let scratch = try Scratch()
        let path = scratch.file("t")
        let recorder = try TraceRecorder(path: path, maxSize: 1 << 20, startedAt: Self.start) { _ in }
        var entry = Self.entry(1, tenant: "a\n\"b\\\u{1}é")
        (entry.feature, entry.model, entry.maxOutput, entry.inputTokens, entry.outputTokens) = (nil, nil, nil, nil, nil)
        (entry.upstreamMicroseconds, entry.firstByteMicroseconds, entry.status) = (nil, nil, nil)
        entry.outcome = ErrorCode.policyQueueFull.rawValue
        recorder.record(entry)
        recorder.close()
        let found = try lines(path)
        #expect(found.count == 1)
        #expect(found.first?["tenant"] as? String == "a\n\"b\\\u{1}é")
        #expect(found.first?["outcome"] as? String == "policy_queue_full")
        for name in ["feature", "model", "max_output", "input_tokens", "upstream_us", "first_byte_us", "status"] {
            #expect(found.first?[name] == nil)
        }
    }

    @Test("at its cap the trace ends with a whole line, and says so once")
    func cap() throws {
        let scratch = try Scratch()
        let path = scratch.file("t")
        let remarks = Remarks()
        let size = Self.entry(10).line(since: Self.start).count
        let recorder = try TraceRecorder(path: path, maxSize: 3 * size + 1, startedAt: Self.start, remark: remarks.note)
        for number in 10..<20 { recorder.record(Self.entry(Int64(number))) }
        recorder.close()
        #expect(try lines(path).map { $0["at_us"] as? Int } == [10, 11, 12])
        #expect(recorder.counts.written == 3)
        #expect(remarks.all.withLock { $0 } == [.full])
    }

    @Test("many calls are all there, in order")
    func many() throws {
        let scratch = try Scratch()
        let path = scratch.file("t")
        let recorder = try TraceRecorder(path: path, maxSize: 1 << 24, startedAt: Self.start) { _ in }
        for number in 0..<5000 { recorder.record(Self.entry(Int64(number))) }
        recorder.close()
        #expect(try lines(path).map { $0["at_us"] as? Int } == Array(0..<5000))
    }

    @Test("when the disk does not keep up, calls are left out and counted, and that is said once")
    func fallsBehind() throws {
        let scratch = try Scratch()
        let path = scratch.file("t")
        let remarks = Remarks()
        let queue = DispatchQueue(label: "test.trace")
        queue.suspend()
        let recorder = TraceRecorder(
            try TraceFile(path: path, maxSize: 1 << 26), startedAt: Self.start, queue: queue, remark: remarks.note)
        for number in 0..<(TraceRecorder.bufferSize + 3) { recorder.record(Self.entry(Int64(number))) }
        #expect(recorder.counts == TraceRecorder.Counts(written: 0, dropped: 3))
        queue.resume()
        recorder.close()
        #expect(recorder.counts == TraceRecorder.Counts(written: TraceRecorder.bufferSize, dropped: 3))
        #expect(remarks.all.withLock { $0 } == [.fallsBehind])
    }

    @Test("a disk that is full ends the trace, and that is said once")
    func diskFull() throws {
        let remarks = Remarks()
        let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
        try #require(full >= 0)
        let recorder = TraceRecorder(
            TraceFile(descriptor: full, maxSize: 1 << 20), startedAt: Self.start,
            queue: DispatchQueue(label: "test.trace"), remark: remarks.note)
        for number in 0..<3 { recorder.record(Self.entry(Int64(number))) }
        recorder.close()
        #expect(recorder.counts.written == 0)
        #expect(
            remarks.all.withLock { $0 } == [
                .failed(TraceFile.Failure(description: "cannot be written: No space left on device"))
            ])
    }

    @Test("calls from before the start, and after the end, are passed over")
    func outside() throws {
        let scratch = try Scratch()
        let path = scratch.file("t")
        let recorder = try TraceRecorder(path: path, maxSize: 1 << 20, startedAt: Self.start) { _ in }
        recorder.record(Self.entry(-1))
        recorder.record(Self.entry(0))
        recorder.close()
        recorder.record(Self.entry(1))
        recorder.close()
        #expect(try lines(path).map { $0["at_us"] as? Int } == [0])
    }

    @Test("an earlier trace is kept beside the new one")
    func earlier() throws {
        let scratch = try Scratch()
        let path = scratch.file("t")
        for round in 1...3 {
            let recorder = try TraceRecorder(path: path, maxSize: 1 << 20, startedAt: Self.start) { _ in }
            recorder.record(Self.entry(Int64(round)))
            recorder.close()
        }
        #expect(try lines(path).map { $0["at_us"] as? Int } == [3])
        #expect(try lines(path + ".1").map { $0["at_us"] as? Int } == [2])
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).count == 2)
    }

    @Test("what is no regular file is left alone")
    func notAFile() throws {
        let scratch = try Scratch()
        let pipe = scratch.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        let link = scratch.file("link")
        #expect(symlink("/dev/null", link) == 0)
        for path in [pipe, link, scratch.path] {
            #expect(throws: TraceFile.Failure(description: "\(path) is not a regular file")) {
                try TraceRecorder(path: path, maxSize: 1 << 20, startedAt: Self.start) { _ in }
            }
        }
        let missing = scratch.file("none/t")
        #expect(throws: TraceFile.Failure(description: "\(missing) cannot be created: No such file or directory")) {
            try TraceRecorder(path: missing, maxSize: 1 << 20, startedAt: Self.start) { _ in }
        }
    }
}
