import Glibc
import NIOCore
import NIOHTTP1

/// One connection: gathers requests, and plays the steps of their answers one after another.
///
/// It goes on reading while it answers, so that a client that leaves is noticed at once.
final class ExchangeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Most pipelined requests that wait, beside the bound of one body for all of theirs; a client that sends more is
    /// cut off.
    private static let maxWaiting = 16

    private struct Waiting {
        let request: IncomingRequest
        let isKeptAlive: Bool
    }

    private let standIn: StandIn
    private var gathering: RequestGatherer
    private var waiting: [Waiting] = []
    private var player: Player?
    private var timer: Scheduled<Void>?
    private var isCounted = false

    init(_ standIn: StandIn) {
        self.standIn = standIn
        gathering = RequestGatherer(maxBodyBytes: standIn.configuration.maxBodyBytes)
    }

    func channelActive(context: ChannelHandlerContext) {
        let limit = standIn.configuration.maxConnections
        isCounted = standIn.recording { $0.connected(limit: limit) }
        if !isCounted { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        if isCounted { standIn.recording { $0.disconnected() } }
        waiting.removeAll()
        if let player { ended(player, clientLeft: true) }
        player = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch gathering.take(unwrapInboundIn(data)) {
        case .more: break
        case .sendContinue:
            let head = HTTPResponseHead(version: .http1_1, status: .continue)
            context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        case .tooLarge:
            refuseBody(context)
        case .request(let request, let isKeptAlive):
            let waitingBytes = waiting.reduce(request.body.count) { $0 + $1.request.body.count }
            guard waiting.count < Self.maxWaiting, waitingBytes <= standIn.configuration.maxBodyBytes else {
                return context.close(promise: nil)
            }
            waiting.append(Waiting(request: request, isKeptAlive: isKeptAlive))
            startNext(context)
        }
    }

    /// 413 and the end of the connection; only when no other answer is under way.
    private func refuseBody(_ context: ChannelHandlerContext) {
        guard player == nil, waiting.isEmpty else { return context.close(promise: nil) }
        let request = IncomingRequest(method: "POST", path: "")
        let call = Call(request: request, nowNS: Self.nowNS, unixSeconds: Self.unixSeconds)
        let steps = call.planner(standIn.configuration).refusal(.bodyTooLarge)
        let label = CallLabel(path: "other", model: "", status: APIError.bodyTooLarge.status)
        begin(Plan(steps: steps, label: label), isKeptAlive: false, context)
    }

    private func startNext(_ context: ChannelHandlerContext) {
        while player == nil, !waiting.isEmpty, context.channel.isActive {
            let next = waiting.removeFirst()
            let plan = standIn.plan(next.request, nowNS: Self.nowNS, unixSeconds: Self.unixSeconds)
            begin(plan, isKeptAlive: next.isKeptAlive, context)
        }
    }

    private func begin(_ plan: Plan, isKeptAlive: Bool, _ context: ChannelHandlerContext) {
        standIn.recording { $0.began(isStream: plan.isStream) }
        player = Player(plan: plan, isKeptAlive: isKeptAlive, startNS: Self.nowNS)
        advance(context)
    }

    private func ended(_ player: Player, clientLeft: Bool) {
        let now = Self.nowNS
        let departure = ProviderStats.Departure(
            path: player.plan.label.path, model: player.plan.label.model, wasMidAnswer: player.hasSent,
            afterNS: now - player.startNS, monotonicNS: now)
        standIn.recording { $0.ended(isStream: player.plan.isStream, departure: clientLeft ? departure : nil) }
    }

    static var nowNS: UInt64 { NIODeadline.now().uptimeNanoseconds }

    static var unixSeconds: Int { time(nil) }
}

// MARK: Playing

extension ExchangeHandler {
    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, player?.isWaitingForRoom == true { advance(context) }
        context.fireChannelWritabilityChanged()
    }

    /// Plays steps until one has to wait, or the answer is over.
    private func advance(_ context: ChannelHandlerContext) {
        player?.isWaitingForRoom = false
        while let step = player?.next(isWritable: context.channel.isWritable) {
            switch step {
            case .write(let part): context.write(wrapOutboundOut(part), promise: nil)
            case .waitForRoom: return context.flush()
            case .waitUntil(let deadlineNS):
                context.flush()
                return schedule(deadlineNS, context)
            case .waitForever: return context.flush()
            case .finish(let isKeptAlive): return finish(isKeptAlive: isKeptAlive, context)
            case .drop(let isReset): return drop(isReset: isReset, context)
            }
        }
    }

    private func schedule(_ deadlineNS: UInt64, _ context: ChannelHandlerContext) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(deadlineNS)) {
            self.timer = nil
            self.advance(context)
        }
    }

    /// Ends the response. The call is over when its last byte is written: a client that leaves before is one that left.
    private func finish(isKeptAlive: Bool, _ context: ChannelHandlerContext) {
        let isWritten = context.eventLoop.makePromise(of: Void.self)
        isWritten.futureResult.assumeIsolated().whenSuccess {
            if let player = self.player { self.ended(player, clientLeft: false) }
            self.player = nil
            if isKeptAlive { self.startNext(context) } else { context.close(promise: nil) }
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: isWritten)
    }

    /// Drops the connection when everything before is written.
    private func drop(isReset: Bool, _ context: ChannelHandlerContext) {
        let isWritten = context.eventLoop.makePromise(of: Void.self)
        isWritten.futureResult.assumeIsolated().whenSuccess {
            if let player = self.player { self.ended(player, clientLeft: false) }
            self.player = nil
            self.close(isReset: isReset, context)
        }
        guard player?.hasSent == true else { return isWritten.succeed() }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: isWritten)
    }

    private func close(isReset: Bool, _ context: ChannelHandlerContext) {
        guard isReset, let options = context.channel as? any SocketOptionProvider else {
            return context.close(promise: nil)
        }
        options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }
}
