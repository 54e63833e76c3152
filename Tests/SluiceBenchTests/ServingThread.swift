import Dispatch
import Glibc
import SluiceWire
import Synchronization

@testable import SluiceBench

/// A server on a thread of its own, at a Unix socket of its own.
final class ServingThread: Sendable {
    let path: String
    private let isStopped = Flag()
    private let ended = DispatchSemaphore(value: 0)

    final class Flag: Sendable {
        private let value = Atomic(false)

        var isSet: Bool { value.load(ordering: .relaxed) }

        func set() { value.store(true, ordering: .relaxed) }
    }

    var address: SocketAddress { .unix(path) }

    /// The upstream that the benchmark brings along.
    static func paced(chunks: Int = 3) throws -> ServingThread {
        try ServingThread { address in
            let upstream = try PacedUpstream(address, .init(chunks: chunks, intervalNS: 1_000_000))
            return { isStopped in upstream.serve { isStopped.isSet } }
        }
    }

    /// An agent that answers at once, and every so manieth call with an error.
    static func agent(failEvery: Int?) throws -> ServingThread {
        try ServingThread { address in
            let agent = try InstantAgent(address, failEvery: failEvery)
            return { isStopped in agent.serve { isStopped.isSet } }
        }
    }

    /// - Parameter prepare: listens, and answers what to do until the flag is set; both on the new thread.
    private init(_ prepare: @escaping @Sendable (SocketAddress) throws -> (Flag) -> Void) throws {
        let path = "/tmp/sluice-bench-test-\(UInt64.random(in: .min ... .max)).sock"
        self.path = path
        let listening = DispatchSemaphore(value: 0)
        let report = FailureBox()
        let (isStopped, ended) = (isStopped, ended)
        DispatchQueue(label: "server").async {
            defer { ended.signal() }
            do {
                let serve = try prepare(.unix(path))
                listening.signal()
                serve(isStopped)
            } catch {
                report.set(error)
                listening.signal()
            }
        }
        listening.wait()
        if let error = report.get() { throw error }
    }

    func stop() {
        isStopped.set()
        ended.wait()
        unlink(path)
    }
}

private final class FailureBox: Sendable {
    private let error = Mutex<(any Error)?>(nil)

    func set(_ value: any Error) { error.withLock { $0 = value } }

    func get() -> (any Error)? { error.withLock { $0 } }
}

/// The smallest agent there can be.
private final class InstantAgent {
    private let listener: CInt
    private let poller: Poller
    private let failEvery: Int?
    private var channels: [Int: ByteChannel] = [:]
    private var calls = 0
    /// Whether the last connection sent something that is not a frame.
    private var isConfused = false

    init(_ address: SocketAddress, failEvery: Int?) throws {
        listener = try SystemSocket.listen(address)
        poller = try Poller()
        self.failEvery = failEvery
        poller.add(listener, token: 0)
    }

    deinit { close(listener) }

    func serve(until isStopped: () -> Bool) {
        while !isStopped() {
            poller.wait(timeoutNS: 10_000_000) { token, _, _ in
                if token == 0 {
                    accept()
                } else if let channel = channels[token] {
                    channel.read { answer($0, on: channel) }
                    _ = channel.flush()
                    if channel.isClosed || isConfused { channels[token] = nil }
                }
            }
        }
    }

    private func accept() {
        guard let descriptor = SystemSocket.accept(listener) else { return }
        channels[Int(descriptor)] = ByteChannel(descriptor: descriptor)
        poller.add(descriptor, token: Int(descriptor))
    }

    private func answer(_ bytes: RawSpan, on channel: ByteChannel) -> Int {
        var offset = 0
        if case .tooLarge = FrameDecoder().step(bytes) { isConfused = true } else { isConfused = false }
        while case .frame(let range) = FrameDecoder().step(bytes, at: offset) {
            let payload = bytes.extracting(range)
            var writer = FrameWriter()
            switch try? ClientFrame.read(payload) {
            case .hello: writer.hello(Self.greeting)
            case .call(let call):
                let isStreamed = payload.text(0..<payload.byteCount).contains(#""stream":true"#)
                answer(call.id, isStreamed: isStreamed, &writer)
            default: break
            }
            channel.append(writer.bytes)
            offset = range.upperBound
        }
        return offset
    }

    private func answer(_ id: String, isStreamed: Bool, _ writer: inout FrameWriter) {
        calls += 1
        if let failEvery, calls.isMultiple(of: failEvery) {
            writer.error(id: id, WireError(.policyQueueFull, "full"))
        } else if isStreamed {
            for seq in 0..<3 {
                let data = Array(#"{"sent_ns":\#(MonotonicClock.nowNS)}"#.utf8)
                data.withUnsafeBytes { writer.chunk(id: id, seq: seq, data: $0) }
            }
            writer.result(id: id, Self.summary, finish: .complete, error: nil)
        } else {
            Array("{}".utf8).withUnsafeBytes { writer.result(id: id, Self.summary, body: $0) }
        }
    }

    private static let greeting = AgentGreeting(
        agent: "sluice/test", instance: "", maxFrame: WireLimits.frameSize, maxInflight: 256,
        streamCredit: WireLimits.streamCredit, identity: "")

    private static let summary = ResultSummary(
        status: 200, usage: nil, charged: .exact, attempts: 1, upstreamRequestID: nil, model: nil, queuedMS: 0,
        upstreamMS: 0, totalMS: 0)
}
