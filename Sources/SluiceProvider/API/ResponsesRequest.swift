/// Reads the body of `POST /v1/responses`.
enum ResponsesRequest {
    static func read(_ body: JSONObject) throws(APIError) -> GenerationRequest {
        let fields = Fields(body)
        var request = GenerationRequest()
        request.prompt = try prompt(fields)
        request.isStreamed = try fields.bool("stream") ?? false
        try GenerationRequest.checkSampling(fields)
        request.maxTokens = try fields.integer("max_output_tokens", in: GenerationRequest.maxTokensRange)
        request.maxTokensParam = request.maxTokens == nil ? "input" : "max_output_tokens"
        request.tools = try tools(fields)
        request.allowsParallelCalls = try fields.bool("parallel_tool_calls") ?? true
        try request.readToolChoice(body.present("tool_choice"))
        request.shape = try shape(fields)
        return request
    }

    private static func prompt(_ fields: Fields) throws(APIError) -> PromptView {
        var prompt = PromptView()
        if let instructions = try fields.string("instructions") { prompt.add(instructions, overhead: 3) }
        switch try fields.required("input") {
        case .string(let text):
            prompt.add(text, overhead: 3)
            prompt.lastUserText = text
        case .array(let items):
            for (index, item) in items.enumerated() {
                guard let object = item.objectValue else {
                    throw .wrongType("input[\(index)]", expected: "an object")
                }
                try add(Fields(object, prefix: "input[\(index)]."), to: &prompt)
            }
        default: throw .wrongType("input", expected: "a string or an array")
        }
        return prompt
    }

    private static func add(_ item: Fields, to prompt: inout PromptView) throws(APIError) {
        let type = try item.string("type") ?? "message"
        prompt.endsWithToolResult = type == "function_call_output"
        switch type {
        case "message":
            let role = try item.requiredString("role")
            let text = try content(item)
            prompt.add(text, overhead: 3)
            if role == "user" { prompt.lastUserText = text }
        case "function_call_output": prompt.add(item.object["output"].map(JSONWriter.text) ?? "", overhead: 3)
        case "function_call": prompt.add(try item.requiredString("arguments"), overhead: 3)
        default: prompt.addTokens(3)
        }
    }

    private static func content(_ item: Fields) throws(APIError) -> String {
        switch try item.required("content") {
        case .string(let text): return text
        case .array(let parts):
            return parts.compactMap { $0.objectValue?["text"]?.stringValue }.joined(separator: "\n")
        default: throw .wrongType(item.path("content"), expected: "a string or an array")
        }
    }

    private static func tools(_ fields: Fields) throws(APIError) -> [ToolOffer] {
        var offers: [ToolOffer] = []
        for inner in try GenerationRequest.functionTools(fields) {
            let parameters = inner.object.present("parameters") ?? ["type": "object", "properties": [:]]
            offers.append(ToolOffer(name: try inner.requiredString("name"), parameters: parameters))
        }
        return offers
    }

    private static func shape(_ fields: Fields) throws(APIError) -> TextShape {
        guard let format = try fields.fields("text")?.fields("format") else { return .prose }
        switch try format.requiredString("type") {
        case "text": return .prose
        case "json_object": return .jsonObject
        case "json_schema":
            _ = try format.requiredString("name")
            return .schema(try format.required("schema"))
        default: throw .wrongValue(format.path("type"), "expected text, json_object or json_schema")
        }
    }
}
