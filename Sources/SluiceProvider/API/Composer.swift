/// Why an output ended.
enum FinishReason: String, Sendable {
    case stop, length
    case toolCalls = "tool_calls"
}

/// One call of a tool, its arguments cut into tokens.
struct ToolCall: Sendable, Equatable {
    let id: String
    let name: String
    var arguments: [String]
}

/// What the stand-in answers for one choice.
struct Completion: Sendable, Equatable {
    /// Tokens of text; empty where tools are called.
    var text: [String] = []
    var toolCalls: [ToolCall] = []
    var finish = FinishReason.stop

    /// Output tokens: one per piece, and four for naming each tool.
    var tokenCount: Int { text.count + toolCalls.reduce(0) { $0 + $1.arguments.count + 4 } }
}

/// Makes up the answer to a request: prose, JSON of the wanted shape, or tool calls.
struct Composer {
    let request: GenerationRequest
    /// The seed that the text is drawn from; the same request and seed make the same text.
    let seed: UInt64
    /// Median of the tokens that a text has when nothing stops it.
    let wantedTokens: Int
    /// Spread of that length: the standard deviation of its logarithm, 0 … 3.
    let lengthSigma: Double
    /// The model's most, where the request names none.
    let modelLimit: Int

    /// Most tokens of all choices together, so that an answer has a bounded size.
    static let maxTokensOfAllChoices = 262_144

    private var limit: Int {
        min(request.maxTokens ?? modelLimit, modelLimit, Self.maxTokensOfAllChoices / request.choiceCount)
    }

    /// The answer of choice `index`.
    func completion(_ index: Int) -> Completion {
        var mix = request.prompt.hash
        mix.combine(seed)
        mix.combine(UInt64(bitPattern: Int64(request.seed ?? 0)))
        mix.combine(UInt64(index))
        var random = SplitMix64(seed: mix.value)
        let wanted = toolsToCall(&random)
        guard wanted.isEmpty else { return calling(wanted, &random) }
        var completion = Completion()
        switch request.shape {
        case .prose: completion.text = TextGenerator.tokens(min(length(&random), limit + 1), &random)
        case .jsonObject: completion.text = TextGenerator.tokens(of: #"{"answer":"\#(random.hex(8))"}"#)
        case .schema(let schema):
            let value = SchemaGenerator.value(for: schema, &random)
            completion.text = TextGenerator.tokens(of: JSONWriter.text(value))
        }
        applyStop(&completion)
        if completion.text.count > limit {
            completion.text.removeLast(completion.text.count - limit)
            completion.finish = .length
        }
        return completion
    }

    /// Tokens of this text, at least 1: drawn from prompt and seed, so that a call's length is always the same.
    private func length(_ random: inout SplitMix64) -> Int {
        let length = random.logNormal(median: Double(wantedTokens), sigma: lengthSigma)
        return max(1, Int(min(length, Double(Self.maxTokensOfAllChoices))))
    }

    /// All offered tools that the last user message names; one if a call is demanded and none is named.
    private func toolsToCall(_ random: inout SplitMix64) -> [ToolOffer] {
        guard !request.tools.isEmpty else { return [] }
        let text = request.prompt.lastUserText.lowercased()
        var named = request.tools.filter { text.contains($0.name.lowercased()) }
        if !request.allowsParallelCalls { named = Array(named.prefix(1)) }
        switch request.toolChoice {
        case .none: return []
        case .auto: return request.prompt.endsWithToolResult ? [] : named
        case .required: return named.isEmpty ? [request.tools[0]] : named
        case .function(let name): return request.tools.filter { $0.name == name }
        }
    }

    private func calling(_ offers: [ToolOffer], _ random: inout SplitMix64) -> Completion {
        var completion = Completion(finish: .toolCalls)
        var left = limit
        for offer in offers {
            let arguments = SchemaGenerator.value(for: offer.parameters, &random)
            var tokens = TextGenerator.tokens(of: JSONWriter.text(arguments))
            if tokens.count > left {
                tokens.removeLast(tokens.count - left)
                completion.finish = .length
            }
            left -= tokens.count
            completion.toolCalls.append(ToolCall(id: "call_" + random.hex(24), name: offer.name, arguments: tokens))
        }
        return completion
    }

    /// Cuts the text before the first stop text.
    private func applyStop(_ completion: inout Completion) {
        guard !request.stop.isEmpty else { return }
        let whole = completion.text.joined()
        let cut = request.stop.compactMap { firstIndex(of: $0, in: whole) }.min()
        guard let cut else { return }
        var left = cut
        var kept: [String] = []
        for token in completion.text where left > 0 {
            let part = String(token.prefix(left))
            left -= part.count
            kept.append(part)
        }
        completion.text = kept
    }

    /// Position, in characters, of the first `needle`.
    private func firstIndex(of needle: String, in text: String) -> Int? {
        text.firstRange(of: needle).map { text.distance(from: text.startIndex, to: $0.lowerBound) }
    }
}
