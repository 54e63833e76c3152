import NIOCore
import NIOPosix
import SluiceClient
import SluiceWire

/// A step of a vector that did not go as it says.
struct VectorFailure: Error, CustomStringConvertible {
    var description: String
}

/// The agent's side of one vector: a real Unix socket on which a script speaks.
final class VectorScript {
    private let vector: VectorJSON
    /// Where the step with `"split": "positions"` is cut.
    private let cut: Int
    private let server: any Channel
    private let client: SluiceClient
    private var arriving: AsyncStream<VectorPeer>.AsyncIterator
    private var peer: VectorPeer?
    private var calls: [String: VectorCall] = [:]
    private var ids: [String: String] = [:]
    /// How many bytes the step to be cut has.
    private(set) var length = 0
    /// What calls delivered that they should not have, or the other way round.
    private(set) var problems: [String] = []

    init(_ vector: VectorJSON, cut: Int) async throws {
        self.vector = vector
        self.cut = cut
        let path = "/tmp/sluice-vector-\(UInt64.random(in: .min ... .max)).sock"
        let (peers, continuation) = AsyncStream<VectorPeer>.makeStream()
        arriving = peers.makeAsyncIterator()
        server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let peer = VectorPeer(channel)
                    try channel.pipeline.syncOperations.addHandler(VectorHandler(peer))
                    continuation.yield(peer)
                }
            }
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        client = SluiceClient(socket: path, name: "vectors/1")
    }

    func run() async throws {
        do {
            for step in vector["steps"]?.elements ?? [] { try await take(step) }
        } catch {
            problems.append("\(error)")
        }
        for call in calls.values {
            call.consume.open()
            call.cancelled.open()
        }
        client.close()
        try? await peer?.channel.close()
        try await server.close()
    }

    private func take(_ step: VectorJSON) async throws {
        if let label = step["start"]?.string {
            try await start(label, step)
        } else if let label = step["frame"]?.string {
            try await takeCall(label, .object([:]))
        } else if step["accept"] != nil {
            try? await peer?.channel.close()
            peer = nil
        } else if step["greet"] != nil || step["send"] != nil {
            try await send(step)
        } else if let patterns = step["expect"]?.elements {
            for pattern in patterns { try await expect(pattern) }
        } else if let label = step["grants"]?.string {
            try await takeGrants(label, step)
        } else if step["expect_close"] != nil {
            if let frame = await peer?.next() { throw VectorFailure(description: "\(frame) instead of the end") }
        } else if step["close"] != nil {
            try? await peer?.channel.close()
        } else if let label = step["consume"]?.string {
            calls[label]?.consume.open()
        } else if let label = step["cancel"]?.string {
            calls[label]?.cancel()
        } else if let label = step["finish"]?.string, let call = calls[label] {
            problems += call.problems(of: await call.outcome()).map { "call \(label): \($0)" }
        } else {
            throw VectorFailure(description: "an unknown step: \(step)")
        }
    }

    private func start(_ label: String, _ step: VectorJSON) async throws {
        let stops = (vector["steps"]?.elements ?? []).filter { $0["cancel"]?.string == label }
        let call = VectorCall(vector["calls"]?[label] ?? .null, stopAfter: stops.first?["after"]?.integer)
        calls[label] = call
        call.start(with: client)
        if peer == nil {
            peer = await arriving.next()
            if vector["hello"] != .bool(false) {
                try await expect(.object(["op": .string("hello")]))
                try await send(.object(["greet": .bool(true)]))
            }
        }
        if step["frame"] != .null { try await takeCall(label, step["frame"] ?? .object([:])) }
    }

    private func takeCall(_ label: String, _ pattern: VectorJSON) async throws {
        let frame = await peer?.next()
        guard VectorJSON.object(["op": .string("call")]).matches(frame), bound(pattern).matches(frame),
            let id = frame?["id"]?.string
        else { throw VectorFailure(description: "\(String(describing: frame)) instead of call \(label)") }
        ids[label] = id
    }

    private func expect(_ pattern: VectorJSON) async throws {
        let frame = await peer?.next()
        guard bound(pattern).matches(frame) else {
            throw VectorFailure(description: "\(String(describing: frame)) instead of \(pattern)")
        }
    }

    private func takeGrants(_ label: String, _ step: VectorJSON) async throws {
        let pattern = VectorJSON.object(["op": .string("grant"), "id": .string(ids[label] ?? "")])
        var sum = 0
        while sum < step["at_least"]?.integer ?? 0 {
            let frame = await peer?.next()
            guard pattern.matches(frame), let bytes = frame?["bytes"]?.integer else {
                throw VectorFailure(description: "\(String(describing: frame)) instead of a grant")
            }
            sum += bytes
        }
        if sum > step["at_most"]?.integer ?? 0 { throw VectorFailure(description: "\(sum) bytes granted") }
    }

    // MARK: Sending

    private func send(_ step: VectorJSON) async throws {
        var bytes: [UInt8] = []
        if step["greet"] != nil { bytes += Self.frame(try greeting()) }
        for frame in step["send"]?.elements ?? [] { bytes += try encode(frame) }
        switch step["split"]?.string {
        case "bytes": for byte in bytes { try await peer?.write([byte]) }
        case "positions":
            length = bytes.count
            try await peer?.write(Array(bytes[..<cut]))
            try await peer?.write(Array(bytes[cut...]))
        default: try await peer?.write(bytes)
        }
    }

    private func greeting() throws -> String {
        let text = """
            {"event":"hello","proto":1,"min":1,"agent":"vectors/1","instance":"00ff","features":["stream"],
            "max_frame":4194304,"max_inflight":256,"stream_credit":262144,"identity":"uid:0"}
            """
        let members = try VectorJSON(parsing: Array(text.utf8)).members
        return try VectorJSON.object(members.merging(vector["greeting"]?.members ?? [:]) { $1 }).serialised()
    }

    private func encode(_ frame: VectorJSON) throws -> [UInt8] {
        guard let digits = frame["raw_hex"]?.string else { return Self.frame(bound(.string(frame.text)).text) }
        var rest = Substring(digits)
        var bytes: [UInt8] = []
        while let byte = UInt8(rest.prefix(2), radix: 16) {
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    private static func frame(_ payload: String) -> [UInt8] {
        let bytes = Array(payload.utf8)
        return withUnsafeBytes(of: UInt32(bytes.count).bigEndian, Array.init) + bytes
    }

    /// A copy in which `$label` is that call's id.
    private func bound(_ value: VectorJSON) -> VectorJSON {
        switch value {
        case .string(let text):
            .string(text.replacing(/\$(\w+)/) { self.ids[String($0.output.1)] ?? String($0.output.0) })
        case .array(let elements): .array(elements.map(bound))
        case .object(let members): .object(members.mapValues(bound))
        default: value
        }
    }
}

/// One connection from the client.
final class VectorPeer: Sendable {
    let channel: any Channel
    let frames: AsyncStream<[UInt8]>
    let continuation: AsyncStream<[UInt8]>.Continuation

    init(_ channel: any Channel) {
        self.channel = channel
        (frames, continuation) = AsyncStream<[UInt8]>.makeStream()
    }

    /// The next frame; nil at the end of the connection.
    func next() async -> VectorJSON? {
        var iterator = frames.makeAsyncIterator()
        guard let payload = await iterator.next() else { return nil }
        return (try? VectorJSON(parsing: payload)) ?? .string("not JSON")
    }

    func write(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }
}

private final class VectorHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let peer: VectorPeer
    private var pending: [UInt8] = []

    init(_ peer: VectorPeer) { self.peer = peer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        pending += unwrapInboundIn(data).readableBytesView
        while case .frame(let range) = FrameDecoder().step(pending.span.bytes) {
            peer.continuation.yield(Array(pending[range]))
            pending.removeFirst(range.upperBound)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { peer.continuation.finish() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
