/// A whole HTTP request, as far as the stand-in looks at it.
struct IncomingRequest: Sendable {
    var method: String
    /// The path without its query.
    var path: String
    var authorization: String?
    /// `x-sluice-fault`
    var faultHeader: String?
    var idempotencyKey: String?
    /// `x-stainless-retry-count`, which the official SDKs send.
    var retryCount: String?
    var body: [UInt8] = []

    /// The key of `Authorization: Bearer KEY`, if it is not empty.
    var bearerKey: String? {
        guard let authorization, authorization.lowercased().hasPrefix("bearer ") else { return nil }
        let key = authorization.dropFirst(7).drop { $0 == " " }
        return key.isEmpty ? nil : String(key)
    }
}

/// What a path leads to.
enum Route: Equatable {
    case chat, responses, completions, embeddings, moderations, models
    case model(String)
    case stats, reset, health

    /// The route of a request, or a refusal.
    init(method: String, path: String) throws(APIError) {
        guard let (route, wanted) = Self.table[path] ?? Self.single(path) else {
            throw .unknownURL(method, String(path.prefix(256)))
        }
        guard method == wanted else { throw .methodNotAllowed(method, path) }
        self = route
    }

    private static let table: [String: (Route, String)] = [
        "/v1/chat/completions": (.chat, "POST"), "/v1/responses": (.responses, "POST"),
        "/v1/completions": (.completions, "POST"), "/v1/embeddings": (.embeddings, "POST"),
        "/v1/moderations": (.moderations, "POST"), "/v1/models": (.models, "GET"),
        "/stand-in/stats": (.stats, "GET"), "/stand-in/reset": (.reset, "POST"), "/stand-in/health": (.health, "GET"),
    ]

    private static func single(_ path: String) -> (Route, String)? {
        guard path.hasPrefix("/v1/models/") else { return nil }
        return (.model(String(path.dropFirst(11))), "GET")
    }

    /// The path as a label: without the part that varies.
    var label: String {
        if case .model = self { return "/v1/models/{model}" }
        return Self.table.first { $0.value.0 == self }?.key ?? "other"
    }
}
