internal import NIOCore
internal import NIOPosix
internal import SluiceWire

/// Cuts what the socket delivers into frames and hands them to the connection.
///
/// At most one unfinished frame is kept, so ``WireLimits/frameSizeCeiling`` bytes and one read.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: Connection
    private let decoder = FrameDecoder(maxFrame: WireLimits.frameSizeCeiling)
    private var pending = ByteBuffer()

    init(connection: Connection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var arrived = unwrapInboundIn(data)
        if pending.readableBytes == 0 { pending = arrived } else { pending.writeBuffer(&arrived) }
        do {
            try drain()
        } catch let error as SluiceError {
            connection.lose(error)
        } catch {
            connection.lose(SluiceError(.clientProtocolViolation, "the agent sent a frame that is not valid: \(error)"))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.lose(Self.lost("the agent closed the connection"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        connection.lose(Self.lost("the connection to the agent broke: \(error)"))
    }

    private func drain() throws {
        // Moved out and back, so that there is one owner and nothing is copied.
        var buffer = pending
        pending = ByteBuffer()
        let consumed = try deliver(buffer.readableBytesSpan)
        buffer.moveReaderIndex(forwardBy: consumed)
        buffer.discardReadBytes()
        pending = buffer
    }

    /// Hands over every whole frame in `bytes`; answers how many bytes they took.
    private func deliver(_ bytes: RawSpan) throws -> Int {
        var offset = 0
        while true {
            switch decoder.step(bytes, at: offset) {
            case .frame(let range):
                try connection.receive(bytes.extracting(range))
                offset = range.upperBound
            case .empty: offset += WireLimits.headerSize
            case .needBytes: return offset
            case .tooLarge(let size):
                throw SluiceError(.clientProtocolViolation, "the agent announced a frame of \(size) bytes")
            }
        }
    }

    private static func lost(_ reason: String) -> SluiceError {
        SluiceError(
            .clientConnectionLost, "\(reason); whether calls in flight were carried out is not known",
            retryable: true, charged: .estimated)
    }
}

extension Connection {
    /// One thread serves every client of the process; it lives as long as the process.
    private static let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    /// Connects and greets at the first place that answers.
    ///
    /// - Throws: ``SluiceError``; `client_unreachable` lists every place with its reason.
    static func open(_ places: SocketPlaces, as name: String) async throws -> Connection {
        var reasons: [String] = []
        for path in places.paths {
            do {
                let connection = try await connect(path)
                _ = try await connection.greet(as: name)
                return connection
            } catch let error as SluiceError where error.family != .client {
                throw error
            } catch {
                reasons.append(reason(error))
            }
        }
        throw places.unreachable(reasons)
    }

    private static func connect(_ path: String) async throws -> Connection {
        try await ClientBootstrap(group: loops)
            .connectTimeout(.seconds(2))
            .connect(unixDomainSocketPath: path) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = Connection(channel: channel)
                    try channel.pipeline.syncOperations.addHandler(ConnectionHandler(connection: connection))
                    return connection
                }
            }
    }

    /// The operating system's words without the call that failed.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as SluiceError: error.message
        case let error as IOError: IOReason.text(error.errnoCode)
        default: "\(error)"
        }
    }
}
