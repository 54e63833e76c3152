/// Answers `GET /v1/models` and `GET /v1/models/{model}`.
enum ModelsEndpoint {
    static func list(_ catalogue: ModelCatalogue) -> JSONValue {
        ["object": "list", "data": .array(catalogue.models.map { object($0.name) })]
    }

    static func object(_ name: String) -> JSONValue {
        ["id": .string(name), "object": "model", "created": 1_700_000_000, "owned_by": "sluice-stand-in"]
    }
}

/// Answers `POST /v1/moderations`: nothing is ever flagged, unless the input holds the word `flagme`.
enum ModerationsEndpoint {
    private static let categories = [
        "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent",
        "self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence",
        "violence/graphic",
    ]

    /// The texts of `input`: a string, strings, or parts with text. At most 2,048.
    static func inputs(_ body: JSONObject) throws(APIError) -> [String] {
        switch try Fields(body).required("input") {
        case .string(let text): return [text]
        case .array(let elements) where !elements.isEmpty && elements.count <= 2048:
            return elements.map { $0.stringValue ?? $0.objectValue?["text"]?.stringValue ?? "" }
        default: throw .wrongType("input", expected: "a string or an array of 1 to 2048")
        }
    }

    static func answer(_ inputs: [String], _ context: CallContext) -> Answer {
        let results = inputs.map { text -> JSONValue in
            let isFlagged = text.contains("flagme")
            func each(_ value: (String) -> JSONValue) -> JSONValue {
                .object(JSONObject(members: categories.map { .init(name: $0, value: value($0)) }))
            }
            return [
                "flagged": .bool(isFlagged), "categories": each { .bool(isFlagged && $0 == "harassment") },
                "category_scores": each { .number(isFlagged && $0 == "harassment" ? 0.97 : 0.001) },
                "category_applied_input_types": each { _ in ["text"] },
            ]
        }
        let body: JSONValue = [
            "id": .string("modr-" + context.idDigits), "model": .string(context.model), "results": .array(results),
        ]
        return .plain(body, outputTokens: 0)
    }
}

/// Reads and answers the legacy `POST /v1/completions`.
enum CompletionsEndpoint {
    static func read(_ body: JSONObject) throws(APIError) -> GenerationRequest {
        let fields = Fields(body)
        var request = GenerationRequest()
        switch body.present("prompt") {
        case nil: request.prompt.addTokens(1)
        case .string(let text)?: request.prompt.add(text)
        case .array(let parts)?: for part in parts { request.prompt.add(part.stringValue ?? JSONWriter.text(part)) }
        default: throw .wrongType("prompt", expected: "a string or an array")
        }
        try request.readStreaming(fields)
        try request.readStop(fields)
        try GenerationRequest.checkSampling(fields)
        request.choiceCount = try fields.integer("n", in: 1...128) ?? 1
        request.seed = try fields.integer("seed", in: .min ... .max)
        request.maxTokens = try fields.integer("max_tokens", in: GenerationRequest.maxTokensRange) ?? 16
        request.maxTokensParam = "max_tokens"
        return request
    }

    static func answer(_ request: GenerationRequest, _ context: CallContext) -> Answer {
        let (completions, usage) = context.compose(request)
        guard request.isStreamed else {
            let choices = completions.enumerated().map { choice($0, $1.text.joined(), $1.finish) }
            let body = object(choices, context).with("usage", usage.chatObject)
            return .plain(.object(body), outputTokens: usage.output)
        }
        return .stream(stream(request, completions, usage, context))
    }

    private static func stream(
        _ request: GenerationRequest, _ completions: [Completion], _ usage: TokenUsage, _ context: CallContext
    ) -> StreamAnswer {
        func frame(_ choices: [JSONValue], usage: JSONValue = .null, tokens: Int) -> StreamAnswer.Frame {
            let chunk = object(choices, context)
            let whole = request.includesUsage ? chunk.with("usage", usage) : chunk
            return .init(bytes: SSEWriter.event(.object(whole)), tokens: tokens)
        }
        var frames: [StreamAnswer.Frame] = []
        for (index, completion) in completions.enumerated() {
            frames += completion.text.map { frame([choice(index, $0, nil)], tokens: 1) }
            frames.append(frame([choice(index, "", completion.finish)], tokens: 0))
        }
        if request.includesUsage { frames.append(frame([], usage: usage.chatObject, tokens: 0)) }
        frames.append(.init(bytes: SSEWriter.done, tokens: 0))
        return StreamAnswer(frames: frames, style: .chat)
    }

    private static func choice(_ index: Int, _ text: String, _ finish: FinishReason?) -> JSONValue {
        [
            "text": .string(text), "index": .int(index), "logprobs": .null,
            "finish_reason": .optional(finish?.rawValue),
        ]
    }

    private static func object(_ choices: [JSONValue], _ context: CallContext) -> JSONObject {
        [
            "id": .string("cmpl-" + context.idDigits), "object": "text_completion", "created": .int(context.created),
            "model": .string(context.model), "choices": .array(choices),
        ]
    }
}
