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
