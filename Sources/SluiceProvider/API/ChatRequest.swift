/// Reads the body of `POST /v1/chat/completions`.
enum ChatRequest {
    private static let roles: Set<String> = ["developer", "system", "user", "assistant", "tool", "function"]
    /// Most messages that are read.
    private static let maxMessages = 4096

    static func read(_ body: JSONObject) throws(APIError) -> GenerationRequest {
        let fields = Fields(body)
        var request = GenerationRequest()
        request.prompt = try prompt(fields)
        try request.readStreaming(fields)
        try request.readStop(fields)
        try GenerationRequest.checkSampling(fields)
        request.choiceCount = try fields.integer("n", in: 1...128) ?? 1
        request.seed = try fields.integer("seed", in: .min ... .max)
        for name in ["max_tokens", "max_completion_tokens"] {
            guard let limit = try fields.integer(name, in: GenerationRequest.maxTokensRange) else { continue }
            request.maxTokens = limit
            request.maxTokensParam = name
        }
        request.tools = try tools(fields)
        request.allowsParallelCalls = try fields.bool("parallel_tool_calls") ?? true
        try request.readToolChoice(body.present("tool_choice"))
        request.shape = try shape(fields)
        return request
    }

    private static func prompt(_ fields: Fields) throws(APIError) -> PromptView {
        _ = try fields.required("messages")
        let messages = try fields.array("messages") ?? []
        guard !messages.isEmpty, messages.count <= maxMessages else {
            throw .invalid("empty_array", "'messages' needs 1 to \(maxMessages) messages.", param: "messages")
        }
        var prompt = PromptView()
        for (index, message) in messages.enumerated() {
            guard let object = message.objectValue else {
                throw .wrongType("messages[\(index)]", expected: "an object")
            }
            let inner = Fields(object, prefix: "messages[\(index)].")
            let role = try inner.requiredString("role")
            guard roles.contains(role) else { throw .wrongValue(inner.path("role"), "not a known role") }
            let text = try content(inner, role: role)
            prompt.add(text, overhead: 3)
            prompt.endsWithToolResult = role == "tool"
            if role == "user" { prompt.lastUserText = text }
        }
        return prompt
    }

    /// The text of a message: a string, or the text parts of an array. An assistant's may be absent.
    private static func content(_ message: Fields, role: String) throws(APIError) -> String {
        switch message.object.present("content") {
        case .string(let text)?: return text
        case .array(let parts)?:
            return parts.compactMap { $0.objectValue?["text"]?.stringValue }.joined(separator: "\n")
        case nil:
            guard role == "assistant" || role == "function" else { throw .missing(message.path("content")) }
            return ""
        default: throw .wrongType(message.path("content"), expected: "a string or an array")
        }
    }

    private static func tools(_ fields: Fields) throws(APIError) -> [ToolOffer] {
        var offers: [ToolOffer] = []
        for inner in try GenerationRequest.functionTools(fields) {
            guard let function = try inner.fields("function") else { throw .missing(inner.path("function")) }
            let parameters = function.object.present("parameters") ?? ["type": "object", "properties": [:]]
            offers.append(ToolOffer(name: try function.requiredString("name"), parameters: parameters))
        }
        return offers
    }

    private static func shape(_ fields: Fields) throws(APIError) -> TextShape {
        guard let format = try fields.fields("response_format") else { return .prose }
        switch try format.requiredString("type") {
        case "text": return .prose
        case "json_object": return .jsonObject
        case "json_schema":
            guard let holder = try format.fields("json_schema") else { throw .missing(format.path("json_schema")) }
            _ = try holder.requiredString("name")
            return .schema(holder.object.present("schema") ?? ["type": "object"])
        default: throw .wrongValue(format.path("type"), "expected text, json_object or json_schema")
        }
    }
}
