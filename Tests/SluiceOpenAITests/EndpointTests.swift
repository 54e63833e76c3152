import SluiceOpenAI
import Testing

@Suite("Endpoints")
struct EndpointTests {
    @Test(
        "names each path",
        arguments: [
            ("/v1/chat/completions", .chatCompletions), ("/v1/completions", .completions),
            ("/v1/responses", .responses),
            ("/v1/embeddings", .embeddings), ("/v1/moderations", .moderations), ("/v1/images/generations", .images),
            ("/v1/images/edits", .images), ("/v1/models", .models), ("/v1/models/gpt-4o", .models),
            ("/v1/modelsx", .other), ("/v1/chat/completions/", .other), ("/v1/responses/resp_1", .other),
            ("/v1/Chat/completions", .other), ("/v1/audio/speech", .other), ("", .other),
        ] as [(String, Endpoint)])
    func paths(_ path: String, _ endpoint: Endpoint) {
        #expect(Endpoint(path: path) == endpoint)
    }

    @Test("knows where a model is needed and where the usage option exists", arguments: Endpoint.allCases)
    func traits(_ endpoint: Endpoint) {
        #expect(endpoint.requiresModel == [.chatCompletions, .completions, .embeddings].contains(endpoint))
        #expect(endpoint.hasStreamUsageOption == [.chatCompletions, .completions].contains(endpoint))
    }
}
