import Logging
import NIOCore
import NIOHTTP1
import SluiceOpenAI
import SluicePolicy

/// `POST /breaker?pool=NAME&endpoint=chat/completions&state=open|closed|auto` on the admin socket: opens or closes a
/// circuit breaker by hand. Without `endpoint` it is every breaker of the pool; `auto` gives it back to itself.
enum BreakerRequest {
    static func answer(_ uri: String, _ coordinator: Coordinator) -> HTTPReply {
        let query = query(uri)
        guard let pool = query["pool"].flatMap({ name in coordinator.pools.all.first { $0.name == name } }) else {
            let names = coordinator.pools.all.prefix(64).map(\.name).joined(separator: ", ")
            return refusal("pool: name one of \(names)")
        }
        var endpoint: Int?
        if let name = query["endpoint"] {
            guard let known = Endpoint(rawValue: name) else {
                let names = Endpoint.allCases.map(\.rawValue).joined(separator: ", ")
                return refusal("endpoint: name one of \(names), or leave it out for all")
            }
            endpoint = known.index
        }
        guard let force = query["state"].flatMap({ $0 == "auto" ? BreakerForce.none : BreakerForce(rawValue: $0) }),
            query["state"] != "none"
        else { return refusal("state: say open, closed or auto") }
        coordinator.forceBreaker(force, pool, endpoint: endpoint)
        return HTTPReply(body: "\(pool.name): \(query["state"] ?? "")\n")
    }

    private static func refusal(_ complaint: String) -> HTTPReply {
        HTTPReply(status: .badRequest, body: complaint + "\n")
    }

    /// Names and values of the query, percent escapes read; of a name that comes twice the first.
    private static func query(_ uri: String) -> [String: String] {
        let parts = uri.split(separator: "?", maxSplits: 1)
        guard parts.count == 2 else { return [:] }
        let pairs = parts[1].split(separator: "&").map { pair in
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (unescaped(halves[0]), halves.count == 2 ? unescaped(halves[1]) : "")
        }
        return Dictionary(pairs) { first, _ in first }
    }

    private static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == UInt8(ascii: "%"), digits.count == 2, let value = UInt8(digits, radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Coordinator {
    func forceBreaker(_ force: BreakerForce, _ pool: PoolRuntime, endpoint: Int?) {
        var effects: [Effect] = []
        // One by one: the core has more places for breakers than there are endpoints to name.
        for index in endpoint.map({ [$0] }) ?? Endpoint.allCases.map(\.index) {
            policy.force(force, pool: pool.id, endpoint: index, at: Self.now, into: &effects)
        }
        perform(effects)
        flushDirty()
        let shown = endpoint.map { Endpoint.allCases[$0].rawValue } ?? "all"
        logger.warning(
            "a circuit breaker was set by hand",
            metadata: ["pool": "\(pool.name)", "state": "\(force.rawValue)", "endpoint": "\(shown)"])
    }
}
