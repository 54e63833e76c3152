import NIOCore
import NIOPosix
import Testing

@testable import SluiceProvider

/// A reply as it came over the socket.
struct RawReply {
    let status: Int
    /// Names in lower case.
    let headers: [String: String]
    /// Without the chunks' framing.
    let body: [UInt8]
    /// The body ended as its framing promised.
    let isWhole: Bool

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSONObject { (try? JSONParser.parse(body))?.objectValue ?? [:] }
    /// The `data` of every event.
    var events: [String] {
        text.split(separator: "\n").filter { $0.hasPrefix("data: ") }.map { String($0.dropFirst(6)) }
    }
    var errorCode: String? { json["error"]?.objectValue?["code"]?.stringValue }
}

extension RawReply: CustomTestStringConvertible {
    var testDescription: String { "status \(status), \(body.count) bytes\(isWhole ? "" : ", cut")" }
}

/// Speaks HTTP byte by byte, so that tests see what is really on the wire.
enum RawClient {
    static let group = MultiThreadedEventLoopGroup.singleton

    /// A request with a JSON body, whose connection the server closes after the answer.
    static func post(
        _ path: String, _ body: String, headers: [String] = ["Authorization: Bearer k", "Connection: close"]
    ) -> String {
        let lines = ["POST \(path) HTTP/1.1", "Host: x", "Content-Length: \(body.utf8.count)"] + headers
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    static func get(_ path: String, headers: [String] = ["Authorization: Bearer k", "Connection: close"]) -> String {
        (["GET \(path) HTTP/1.1", "Host: x"] + headers).joined(separator: "\r\n") + "\r\n\r\n"
    }

    static func chat(_ more: String = "", model: String = "gpt-4o-mini") -> String {
        #"{"model":"\#(model)","messages":[{"role":"user","content":"hi"}]\#(more)}"#
    }

    static func connect(_ server: ProviderServer) async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        let port = try #require(server.tcpPort)
        return try await ClientBootstrap(group: group).connect(host: "127.0.0.1", port: port, channelInitializer: wrap)
    }

    static func connect(unixPath: String) async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        try await ClientBootstrap(group: group)
            .connect(unixDomainSocketPath: unixPath, channelInitializer: wrap)
    }

    @Sendable
    private static func wrap(
        _ channel: any Channel
    ) -> EventLoopFuture<NIOAsyncChannel<ByteBuffer, ByteBuffer>> {
        channel.eventLoop.makeCompletedFuture {
            try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
    }

    /// Sends pieces one by one and reads until the server closes.
    static func bytes(
        _ channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>, sending pieces: [String]
    ) async throws -> [UInt8] {
        try await channel.executeThenClose { inbound, outbound in
            for piece in pieces { try await outbound.write(ByteBuffer(string: piece)) }
            var received: [UInt8] = []
            for try await buffer in inbound { received.append(contentsOf: buffer.readableBytesView) }
            return received
        }
    }

    /// One request, one reply.
    static func send(_ server: ProviderServer, _ request: String) async throws -> RawReply {
        let bytes = try await bytes(try await connect(server), sending: [request])
        return try #require(replies(bytes).first, "no reply at all")
    }

    /// Takes the replies apart.
    static func replies(_ bytes: [UInt8]) -> [RawReply] {
        var replies: [RawReply] = []
        var rest = bytes[...]
        while let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) {
            let lines = String(decoding: rest[..<end.lowerBound], as: UTF8.self)
                .split(separator: "\r\n").map(String.init)
            rest = rest[end.upperBound...]
            let status = Int(lines[0].split(separator: " ")[1]) ?? 0
            var headers: [String: String] = [:]
            for line in lines.dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingPrefix(" ") }
                headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1]) : ""
            }
            let (body, isWhole) = body(&rest, headers)
            replies.append(RawReply(status: status, headers: headers, body: body, isWhole: isWhole))
        }
        return replies
    }

    private static func body(_ rest: inout ArraySlice<UInt8>, _ headers: [String: String]) -> ([UInt8], Bool) {
        if headers["transfer-encoding"] == "chunked" { return chunks(&rest) }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        let body = Array(rest.prefix(length))
        rest = rest.dropFirst(length)
        return (body, body.count == length)
    }

    private static func chunks(_ rest: inout ArraySlice<UInt8>) -> ([UInt8], Bool) {
        var body: [UInt8] = []
        while let end = rest.firstRange(of: Array("\r\n".utf8)) {
            guard let size = Int(String(decoding: rest[..<end.lowerBound], as: UTF8.self), radix: 16) else { break }
            rest = rest[end.upperBound...]
            body += rest.prefix(size)
            guard rest.count >= size + 2 else { break }
            rest = rest.dropFirst(size + 2)
            if size == 0 { return (body, true) }
        }
        return (body, false)
    }
}

/// Runs `body` with a stand-in that is shut down afterwards, whatever happens.
func withProvider<Result: Sendable>(
    _ adjust: (inout ProviderConfiguration) -> Void = { _ in },
    _ body: (ProviderServer) async throws -> Result
) async throws -> Result {
    var configuration = ProviderConfiguration()
    adjust(&configuration)
    let server = try await ProviderServer.start(configuration)
    do {
        let result = try await body(server)
        await server.shutdown()
        return result
    } catch {
        await server.shutdown()
        throw error
    }
}

/// Asks again and again until `condition` holds, for at most 20 seconds.
func eventually(_ what: Comment, _ condition: () -> Bool) async throws {
    let limit = ContinuousClock.now + .seconds(20)
    while !condition() {
        guard ContinuousClock.now < limit else {
            Issue.record(what)
            return
        }
        try await Task.sleep(for: .milliseconds(1))
    }
}
