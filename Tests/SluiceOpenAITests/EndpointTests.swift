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

    @Test(
        "refuses what is not a rule",
        arguments: [
            "", "POST", "POST ", "/v1/x", "PUT /v1/x", "post /v1/x", "POST  /v1/x", "POST /v1/x ", "POST /v2/x",
            "POST v1/x", "POST /v1/*/x", "POST /v1/x*", "POST /v1/**", "POST /v1/a/*/*", "GET /v1", "POST\t/v1/x",
        ])
    func badRules(_ text: String) {
        #expect(EndpointRule(text) == nil)
    }

    @Test(
        "an exact rule allows its own method and path only",
        arguments: [
            ("POST", "/v1/embeddings", true), ("GET", "/v1/embeddings", false), ("POST", "/v1/embeddings/", false),
            ("POST", "/v1/embedding", false), ("POST", "/v1/Embeddings", false), ("post", "/v1/embeddings", false),
        ])
    func exact(_ method: String, _ path: String, _ allowed: Bool) throws {
        #expect(try #require(EndpointRule("POST /v1/embeddings")).allows(method: method, path: path) == allowed)
    }

    @Test(
        "a star stands for exactly one segment",
        arguments: [
            ("/v1/models/gpt-4o", true), ("/v1/models/", false), ("/v1/models", false), ("/v1/models/a/b", false),
            ("/v1/models/a/", false), ("/v1/models/*", true), ("/v1/model/a", false), ("/v1/models/ft:x.y", true),
        ])
    func star(_ path: String, _ allowed: Bool) throws {
        #expect(try #require(EndpointRule("GET /v1/models/*")).allows(method: "GET", path: path) == allowed)
    }

    @Test("an input counts for at least one token", arguments: [(0, 1), (3, 1), (4, 1), (8, 2), (955, 238)])
    func estimate(_ bytes: Int, _ tokens: Int) {
        #expect(TokenEstimate.input(bodyBytes: bytes) == tokens)
    }
}
