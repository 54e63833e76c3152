import NIOCore
import NIOHTTP1

/// Which paths a listener serves.
enum HTTPRoutes: Sendable {
    /// `/metrics`, `/healthz`, `/readyz`, `/status`: reading only.
    case stats
    /// The same, `POST /reload` and `POST /breaker`.
    case admin
}

/// One answer of the stats or admin socket.
struct HTTPReply {
    var status: HTTPResponseStatus = .ok
    var contentType = "text/plain; charset=utf-8"
    /// The methods of a 405's `allow`.
    var allow: String?
    var body: String
}

/// HTTP/1.1 on `stats.sock` and `admin.sock`. Bodies are not read; a request line and headers are bounded by the
/// decoder (80 KiB), connections by ``AgentLimits/httpConnections``.
final class HTTPHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let routes: HTTPRoutes
    private let coordinator: Coordinator
    private var request: HTTPRequestHead?

    init(routes: HTTPRoutes, coordinator: Coordinator) {
        self.routes = routes
        self.coordinator = coordinator
    }

    func handlerAdded(context: ChannelHandlerContext) { coordinator.httpConnections += 1 }
    func handlerRemoved(context: ChannelHandlerContext) { coordinator.httpConnections -= 1 }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): request = head
        case .body: break
        case .end:
            guard let request else { return }
            self.request = nil
            write(answer(request), to: request, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(_ request: HTTPRequestHead) -> HTTPReply {
        let path = request.uri.split(separator: "?", maxSplits: 1).first.map(String.init) ?? "/"
        if routes == .admin, path == "/reload" || path == "/breaker" {
            guard request.method == .POST else { return refuse("POST") }
            return path == "/reload" ? reload() : BreakerRequest.answer(request.uri, coordinator)
        }
        guard request.method == .GET || request.method == .HEAD else { return refuse("GET, HEAD") }
        switch path {
        case "/metrics":
            return HTTPReply(
                contentType: "text/plain; version=0.0.4; charset=utf-8",
                body: coordinator.metrics.exposition(
                    coordinator.pools.all, coordinator.policy, at: Coordinator.now))
        case "/healthz": return HTTPReply(body: "ok\n")
        case "/readyz":
            return coordinator.isDraining
                ? HTTPReply(status: .serviceUnavailable, body: "draining\n") : HTTPReply(body: "ready\n")
        case "/status":
            return HTTPReply(contentType: "application/json", body: coordinator.statusJSON())
        default:
            let paths =
                "/metrics, /healthz, /readyz and /status" + (routes == .admin ? ", POST /reload and /breaker" : "")
            return HTTPReply(status: .notFound, body: "nothing here; there is \(paths)\n")
        }
    }

    private func refuse(_ allowed: String) -> HTTPReply {
        HTTPReply(status: .methodNotAllowed, allow: allowed, body: "use \(allowed)\n")
    }

    private func reload() -> HTTPReply {
        switch coordinator.requestReload() {
        case nil: HTTPReply(status: .serviceUnavailable, body: "no reload while starting or stopping\n")
        case .some(let problems) where problems.isEmpty: HTTPReply(body: "reloaded\n")
        case .some(let problems):
            HTTPReply(
                status: .unprocessableEntity,
                body: "not reloaded, the old configuration stays in force:\n" + problems.joined(separator: "\n") + "\n")
        }
    }

    private func write(_ reply: HTTPReply, to request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let bytes = context.channel.allocator.buffer(string: reply.body)
        var headers = HTTPHeaders()
        headers.add(name: "content-type", value: reply.contentType)
        headers.add(name: "content-length", value: String(bytes.readableBytes))
        headers.add(name: "cache-control", value: "no-store")
        if let allow = reply.allow { headers.add(name: "allow", value: allow) }
        if !request.isKeepAlive { headers.add(name: "connection", value: "close") }
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: request.version, status: reply.status, headers: headers))),
            promise: nil)
        if request.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil) }
        let channel = context.channel
        let done = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if !request.isKeepAlive { done.whenComplete { _ in channel.close(promise: nil) } }
    }
}
