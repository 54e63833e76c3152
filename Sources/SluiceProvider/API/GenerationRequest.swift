/// A function that a caller offers.
struct ToolOffer: Sendable, Equatable {
    let name: String
    /// JSON Schema of its arguments.
    let parameters: JSONValue
}

/// Whether, and which, tool is to be called.
enum ToolChoice: Sendable, Equatable {
    case none
    /// Called when the last user message names one.
    case auto
    case required
    case function(String)
}

/// What form the text must have.
enum TextShape: Sendable, Equatable {
    case prose
    /// Any JSON object.
    case jsonObject
    case schema(JSONValue)
}

/// What chat completions, responses and completions have in common: a prompt and how to answer it.
struct GenerationRequest: Sendable {
    var prompt = PromptView()
    /// How many choices, 1 … 128.
    var choiceCount = 1
    /// The asked-for most output tokens of one choice.
    var maxTokens: Int?
    /// The member that `maxTokens` came in, for complaints.
    var maxTokensParam = "messages"
    var seed: Int?
    /// At most four texts that end the output.
    var stop: [String] = []
    var tools: [ToolOffer] = []
    var toolChoice = ToolChoice.auto
    var allowsParallelCalls = true
    var shape = TextShape.prose
    var isStreamed = false
    var includesUsage = false

    /// Most output tokens that are accepted in a request, whatever the model.
    static let maxTokensRange = 1...10_000_000
    /// Most tools of one request.
    static let maxTools = 128
}

extension GenerationRequest {
    /// Reads `stream` and `stream_options`.
    mutating func readStreaming(_ fields: Fields) throws(APIError) {
        isStreamed = try fields.bool("stream") ?? false
        guard let options = try fields.fields("stream_options") else { return }
        guard isStreamed else {
            throw .invalid(nil, "'stream_options' needs 'stream' to be true.", param: "stream_options")
        }
        includesUsage = try options.bool("include_usage") ?? false
    }

    /// Reads `stop`: a string or up to four.
    mutating func readStop(_ fields: Fields) throws(APIError) {
        switch fields.object.present("stop") {
        case nil: return
        case .string(let text)?: stop = [text]
        case .array(let elements)?:
            stop = elements.compactMap(\.stringValue)
            guard stop.count == elements.count, stop.count <= 4 else {
                throw .wrongType("stop", expected: "up to four strings")
            }
        default: throw .wrongType("stop", expected: "a string or an array of strings")
        }
        stop.removeAll(where: \.isEmpty)
    }

    /// Checks the fields that only need to be of the right type and range.
    static func checkSampling(_ fields: Fields) throws(APIError) {
        _ = try fields.number("temperature", in: 0...2)
        _ = try fields.number("top_p", in: 0...1)
    }

    /// The objects of `tools`; those that are no functions are passed over.
    static func functionTools(_ fields: Fields) throws(APIError) -> [Fields] {
        let tools = try fields.array("tools") ?? []
        guard tools.count <= maxTools else {
            throw .invalid("array_above_max_length", "'tools' takes at most \(maxTools) tools.", param: "tools")
        }
        var functions: [Fields] = []
        for (index, tool) in tools.enumerated() {
            guard let object = tool.objectValue else { throw .wrongType("tools[\(index)]", expected: "an object") }
            let inner = Fields(object, prefix: "tools[\(index)].")
            if try inner.requiredString("type") == "function" { functions.append(inner) }
        }
        return functions
    }

    /// Takes `tool_choice`. In chat the function's name is one level deeper than in responses.
    mutating func readToolChoice(_ value: JSONValue?) throws(APIError) {
        switch value {
        case nil: break
        case .string("none")?: toolChoice = .none
        case .string("auto")?: toolChoice = .auto
        case .string("required")?: toolChoice = .required
        case .object(let object)?:
            if object["type"] == "allowed_tools" {
                let allowed = object["allowed_tools"]?.objectValue ?? object
                toolChoice = allowed["mode"] == "required" ? .required : .auto
                return
            }
            let holder = object["function"]?.objectValue ?? object
            guard let name = holder["name"]?.stringValue else { throw .missing("tool_choice.name") }
            guard tools.contains(where: { $0.name == name }) else {
                throw .wrongValue("tool_choice", "no tool has that name")
            }
            toolChoice = .function(name)
        default: throw .wrongType("tool_choice", expected: "none, auto, required or an object")
        }
        if toolChoice == .required, tools.isEmpty {
            throw .invalid(nil, "'tool_choice' needs 'tools'.", param: "tool_choice")
        }
    }
}
