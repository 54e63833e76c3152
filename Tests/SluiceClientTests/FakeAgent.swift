import NIOCore
import NIOPosix
import SluiceWire
import Synchronization

/// An agent made of a script: a real Unix socket that speaks the protocol and answers as the test says.
final class FakeAgent: Sendable {
    /// One accepted connection, as the script sees it.
    final class Peer: Sendable {
        /// Counts from 1 in the order of arrival.
        let number: Int
        private let channel: any Channel

        init(number: Int, channel: any Channel) {
            self.number = number
            self.channel = channel
        }

        func send(_ write: (inout FrameWriter) -> Void) {
            var writer = FrameWriter()
            write(&writer)
            channel.writeAndFlush(ByteBuffer(bytes: writer.bytes), promise: nil)
        }

        func send(raw bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

        func close() { channel.close(promise: nil) }
    }

    /// One frame from the client.
    struct Arrival: Sendable {
        var frame: ClientFrame
        var payload: [UInt8]
        var peer: Peer

        var call: CallFrame? {
            if case .call(let call) = frame { call } else { nil }
        }

        var body: [UInt8]? { call?.body.map { Array(payload[$0.range]) } }
    }

    let path: String
    /// Every frame but hello, in the order of arrival.
    let arrivals: AsyncStream<Arrival>
    private let server: any Channel

    /// - Parameters:
    ///   - greeting: nil refuses every connection as one too many.
    ///   - script: is called on the event loop for every frame but hello.
    init(
        greeting: AgentGreeting? = .test, script: @escaping @Sendable (Arrival) -> Void = { _ in }
    ) async throws {
        let path = "/tmp/sluice-client-test-\(UInt64.random(in: .min ... .max)).sock"
        let (stream, continuation) = AsyncStream<Arrival>.makeStream()
        let counter = Counter()
        self.path = path
        arrivals = stream
        server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let peer = Peer(number: counter.next(), channel: channel)
                    let handler = Handler(peer: peer, greeting: greeting) { arrival in
                        script(arrival)
                        continuation.yield(arrival)
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
    }

    /// The next frame that arrives, of those the test has not looked at.
    func next() async -> Arrival? {
        var iterator = arrivals.makeAsyncIterator()
        return await iterator.next()
    }

    deinit { server.close(promise: nil) }
}

final class Counter: Sendable {
    private let value = Mutex(0)

    func next() -> Int {
        value.withLock { value in
            value += 1
            return value
        }
    }

    var current: Int { value.withLock { $0 } }
}

private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    let peer: FakeAgent.Peer
    let greeting: AgentGreeting?
    let script: (FakeAgent.Arrival) -> Void
    var pending: [UInt8] = []

    init(peer: FakeAgent.Peer, greeting: AgentGreeting?, script: @escaping (FakeAgent.Arrival) -> Void) {
        self.peer = peer
        self.greeting = greeting
        self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        pending += unwrapInboundIn(data).readableBytesView
        while case .frame(let range) = FrameDecoder().step(pending.span.bytes) {
            let payload = Array(pending[range])
            pending.removeFirst(range.upperBound)
            guard let frame = try? ClientFrame.read(payload.span.bytes) else {
                peer.close()
                return
            }
            if case .hello = frame {
                hello()
            } else {
                script(FakeAgent.Arrival(frame: frame, payload: payload, peer: peer))
            }
        }
    }

    private func hello() {
        if let greeting {
            peer.send { $0.hello(greeting) }
        } else {
            peer.send { $0.error(id: nil, WireError(.callerTooManyConnections, "full")) }
            peer.close()
        }
    }
}

extension AgentGreeting {
    static let test = make()

    static func make(maxFrame: Int = 4_194_304, maxInflight: Int = 256, streamCredit: Int = 262_144) -> Self {
        AgentGreeting(
            agent: "sluice/test", instance: "cafe", maxFrame: maxFrame, maxInflight: maxInflight,
            streamCredit: streamCredit, identity: "uid:0")
    }
}

extension ResultSummary {
    static let ok = ResultSummary(
        status: 200, usage: WireUsage(inputTokens: 7, outputTokens: 3, cachedTokens: 2), charged: .exact, attempts: 1,
        upstreamRequestID: "req_1", model: "gpt-4o-mini", queuedMS: 1, upstreamMS: 2, totalMS: 3)
}

extension FrameWriter {
    mutating func chunk(_ id: String, _ seq: Int, _ json: String) {
        Array(json.utf8).withUnsafeBytes { chunk(id: id, seq: seq, data: $0) }
    }

    mutating func result(_ id: String, _ json: String = "{}") {
        Array(json.utf8).withUnsafeBytes { result(id: id, .ok, body: $0) }
    }
}
