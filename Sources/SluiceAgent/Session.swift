import NIOCore
import SluiceConfig
import SluiceHost
import SluiceWire

/// One client's connection: frames in, events out. Confined to the agent's event loop.
///
/// Input is decoded in place; output of one turn of the loop is gathered and leaves in one write.
final class Session: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let number: Int
    let credentials: PeerCredentials?
    var facts = PeerFacts.unknown
    private(set) var client: String?
    private(set) var calls: [String: CallContext] = [:]

    private let coordinator: Coordinator
    private let decoder: FrameDecoder
    private var context: ChannelHandlerContext?
    private var input = ByteBuffer()
    private var output = FrameWriter()
    private(set) var isGreeted = false
    private var isClosing = false
    private var helloTimer: Scheduled<Void>?
    private var stuckTimer: Scheduled<Void>?
    /// Whether the coordinator already knows that there is output to flush.
    private var isDirty = false

    init(number: Int, credentials: PeerCredentials?, coordinator: Coordinator) {
        self.number = number
        self.credentials = credentials
        self.coordinator = coordinator
        decoder = FrameDecoder(maxFrame: coordinator.configuration.limits.frameSize)
    }

    /// The name under which rules, status and metrics know the caller.
    var identity: String { credentials.map { "uid:\($0.uid)" } ?? "unknown" }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let timeout = coordinator.configuration.limits.helloTimeout
        helloTimer = context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(timeout.wholeNanoseconds)) {
            self.helloTimedOut()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var arrived = unwrapInboundIn(data)
        coordinator.metrics.received(bytes: arrived.readableBytes)
        if isClosing { return }
        if input.readableBytes == 0 { input = arrived } else { input.writeBuffer(&arrived) }
        decode()
        // A client whose writes always end within a frame would otherwise make the buffer grow for ever.
        if input.readerIndex >= Self.readBytesKept { input.discardReadBytes() }
    }

    func channelReadComplete(context: ChannelHandlerContext) { coordinator.flushDirty() }

    func channelInactive(context: ChannelHandlerContext) {
        helloTimer?.cancel()
        stuckTimer?.cancel()
        self.context = nil
        coordinator.sessionEnded(self)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// A client that does not read its answers is not read from either, and dropped when that lasts.
    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let writable = context.channel.isWritable
        context.channel.setOption(.autoRead, value: writable).whenFailure { _ in }
        stuckTimer?.cancel()
        stuckTimer = nil
        if writable {
            for call in calls.values { coordinator.granted(call, bytes: 0) }
            coordinator.flushDirty()
            return
        }
        let timeout = coordinator.configuration.limits.slowConsumerTimeout
        stuckTimer = context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(timeout.wholeNanoseconds)) {
            self.context?.close(promise: nil)
        }
    }

    private func helloTimedOut() {
        guard !isGreeted else { return }
        send { $0.error(id: nil, WireError(.callerHelloRequired, "no hello came in time", limit: "hello_timeout")) }
        closeAfterFlush()
        coordinator.flushDirty()
    }

    // MARK: Input

    private func decode() {
        let bytes = input
        let span = bytes.readableBytesSpan
        var offset = 0
        loop: while !isClosing {
            switch decoder.step(span, at: offset) {
            case .needBytes: break loop
            case .empty:
                offset += WireLimits.headerSize
                reject(
                    FrameRejection(
                        id: nil,
                        error: WireError(.callerInvalidFrame, "a frame of length 0; a frame holds one JSON object")))
            case .tooLarge(let length): refuseOversize(length)
            case .frame(let range):
                take(span.extracting(range))
                offset = range.upperBound
            }
        }
        input.moveReaderIndex(forwardBy: offset)
        // A drained buffer goes back, so that an idle connection holds none.
        if input.readableBytes == 0 { input = ByteBuffer() }
    }

    /// Bytes read already that may stay in front of a frame that is not whole yet.
    private static let readBytesKept = 64 * 1024

    private func take(_ payload: RawSpan) {
        do throws(FrameRejection) {
            let frame = try ClientFrame.read(payload)
            if !isGreeted {
                try greet(frame)
                return
            }
            switch frame {
            case .call(let call): try start(call, payload)
            case .cancel(let id): calls[id].map(coordinator.cancelled)
            case .grant(let id, let bytes): calls[id].map { coordinator.granted($0, bytes: bytes) }
            case .ping(let id): send { $0.pong(id: id) }
            case .hello:
                throw FrameRejection(
                    id: nil, error: WireError(.callerDuplicateHello, "hello was said already on this connection"))
            }
        } catch {
            reject(corrected(error))
        }
    }

    /// An error that bears the id of a call in flight would end that call in the eyes of its client.
    private func corrected(_ rejection: FrameRejection) -> FrameRejection {
        if !isGreeted, let op = rejection.op, op != "hello" { return Self.helloRequired(rejection.id) }
        guard let id = rejection.id, calls[id] != nil else { return rejection }
        guard rejection.op == "call" else { return FrameRejection(id: nil, error: rejection.error) }
        return FrameRejection(id: id, error: Self.duplicateID)
    }

    private static func helloRequired(_ id: String?) -> FrameRejection {
        FrameRejection(
            id: id, error: WireError(.callerHelloRequired, "the first operation must be hello", field: "op"))
    }

    private static let duplicateID = WireError(
        .callerDuplicateID, "a call with this id is in flight on this connection; choose another", field: "id")

    private func greet(_ frame: ClientFrame) throws(FrameRejection) {
        guard case .hello(let hello) = frame else {
            throw Self.helloRequired(frame.id)
        }
        guard (WireLimits.minProto...WireLimits.proto).contains(hello.proto) else {
            throw FrameRejection(
                id: nil,
                error: WireError(
                    .callerUnsupportedProto,
                    "this agent speaks protocol versions \(WireLimits.minProto) to \(WireLimits.proto)",
                    field: "proto"))
        }
        isGreeted = true
        helloTimer?.cancel()
        client = hello.client
        send { $0.hello(coordinator.greeting(for: self)) }
        if coordinator.isDraining { coordinator.sendGoaway(to: self) }
    }

    private func start(_ call: CallFrame, _ payload: RawSpan) throws(FrameRejection) {
        do throws(WireError) {
            guard calls[call.id] == nil else {
                throw Self.duplicateID
            }
            let limit = coordinator.configuration.limits.inflightPerConnection
            guard calls.count < limit else {
                throw WireError(
                    .callerTooManyInflight,
                    "\(limit) calls are in flight on this connection; wait for one to end or open another connection",
                    limit: "max_inflight")
            }
            try coordinator.start(call, payload, from: self)
        } catch {
            throw FrameRejection(id: call.id, op: "call", error: error)
        }
    }

    private func reject(_ rejection: FrameRejection) {
        // What policy refuses is counted as a call.
        if rejection.error.code.isCallersFault { coordinator.metrics.rejected(rejection.error.code) }
        send { $0.error(id: rejection.id, rejection.error) }
        if rejection.error.code.closesConnection { closeAfterFlush() }
    }

    private func refuseOversize(_ length: Int) {
        let error = WireError(
            .callerFrameTooLarge,
            "a frame of \(length) bytes; at most \(decoder.maxFrame) are accepted (limits.frame_size)",
            limit: "max_frame")
        reject(FrameRejection(id: nil, error: error))
    }

    // MARK: Output

    /// Adds events to what leaves at the end of this turn.
    func send(_ write: (inout FrameWriter) -> Void) {
        guard context != nil else { return }
        write(&output)
        if !isDirty {
            isDirty = true
            coordinator.markDirty(self)
        }
    }

    func flush() {
        isDirty = false
        guard let context else { return }
        guard isClosing || !output.bytes.isEmpty else { return }
        coordinator.metrics.sent(bytes: output.bytes.count)
        let bytes = wrapOutboundOut(context.channel.allocator.buffer(bytes: output.bytes))
        output.reset()
        guard isClosing else {
            context.writeAndFlush(bytes, promise: nil)
            return
        }
        // Closing at once would throw away what a slow reader has not taken yet.
        let channel = context.channel
        context.writeAndFlush(bytes).whenComplete { _ in channel.close(promise: nil) }
    }

    /// Says no more after what is waiting to leave.
    func closeAfterFlush() {
        isClosing = true
        send { _ in }
    }

    /// Whether what is sent leaves, instead of piling up before a client that does not read.
    var isWritable: Bool { context?.channel.isWritable ?? false }

    // MARK: Calls

    func add(_ call: CallContext) { calls[call.plan.id] = call }
    func remove(_ call: CallContext) { calls[call.plan.id] = nil }
}

extension ClientFrame {
    /// The id the frame names, where it names one.
    var id: String? {
        switch self {
        case .hello: nil
        case .call(let call): call.id
        case .cancel(let id), .grant(let id, _): id
        case .ping(let id): id
        }
    }
}

extension Duration {
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
