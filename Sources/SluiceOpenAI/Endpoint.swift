/// What an OpenAI path is, as far as Sluice must know: how it names its model, reports usage and streams.
package enum Endpoint: String, Sendable, CaseIterable {
    case chatCompletions = "chat/completions"
    case completions
    case responses
    case embeddings
    case moderations
    case images
    case models
    /// Any other path of the allowlist: forwarded as it is, usage read where it looks like one of the known shapes.
    case other

    package init(path: String) {
        self =
            switch path {
            case "/v1/chat/completions": .chatCompletions
            case "/v1/completions": .completions
            case "/v1/responses": .responses
            case "/v1/embeddings": .embeddings
            case "/v1/moderations": .moderations
            case "/v1/images/generations", "/v1/images/edits": .images
            case _ where path == "/v1/models" || path.hasPrefix("/v1/models/"): .models
            default: .other
            }
    }

    /// Whether a request without `model` is an error here: moderations, images and stored prompts have defaults.
    package var requiresModel: Bool {
        switch self {
        case .chatCompletions, .completions, .embeddings: true
        case .responses, .moderations, .images, .models, .other: false
        }
    }

    /// Whether `stream_options.include_usage` exists here.
    package var hasStreamUsageOption: Bool { self == .chatCompletions || self == .completions }
}

/// One entry of the allowlist: a method and a path, `*` allowed as the last segment only.
package struct EndpointRule: Sendable, Equatable {
    package var method: String
    package var path: String
    /// When the path ends in `/*`: what a match must begin with.
    private var prefix: String?

    /// Reads `"POST /v1/chat/completions"`; nil when it is anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == "POST" || parts[0] == "GET", parts[1].hasPrefix("/v1/") else { return nil }
        method = String(parts[0])
        path = String(parts[1])
        let stem = path.hasSuffix("/*") ? String(path.dropLast(1)) : nil
        guard !(stem ?? path).contains("*") else { return nil }
        prefix = stem
    }

    /// Whether this rule lets a request through; `*` stands for exactly one segment.
    package func allows(method: String, path: String) -> Bool {
        guard method == self.method else { return false }
        guard let prefix else { return path == self.path }
        return path.hasPrefix(prefix) && path.utf8.count > prefix.utf8.count
            && !path.utf8.dropFirst(prefix.utf8.count).contains(UInt8(ascii: "/"))
    }
}
