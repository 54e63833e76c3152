/// What an endpoint answers, before latency and faults.
enum Answer: Sendable {
    /// A body that takes as long as `outputTokens` tokens.
    case plain(JSONValue, outputTokens: Int)
    case stream(StreamAnswer)
}

/// The events of a stream.
struct StreamAnswer: Sendable {
    /// One event's bytes and how many tokens' time passes before it.
    struct Frame: Sendable {
        let bytes: [UInt8]
        let tokens: Int
    }

    /// How this API reports trouble inside a stream.
    enum Style: Sendable {
        /// `data: {"error":{…}}`
        case chat
        /// `event: error`, or `response.failed` with this response object.
        case responses(failed: JSONObject)
    }

    var frames: [Frame]
    let style: Style
}

/// Tokens of one call, as its usage reports them.
struct TokenUsage: Sendable, Equatable {
    var input = 0
    var output = 0
    /// Part of `input` that is said to have come from the prompt cache.
    var cached = 0
    /// Part of `output` that is said to have been reasoning.
    var reasoning = 0

    /// The shape in chat completions and completions.
    var chatObject: JSONValue {
        [
            "prompt_tokens": .int(input), "completion_tokens": .int(output), "total_tokens": .int(input + output),
            "prompt_tokens_details": ["cached_tokens": .int(cached), "audio_tokens": 0],
            "completion_tokens_details": [
                "reasoning_tokens": .int(reasoning), "audio_tokens": 0, "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            ],
        ]
    }

    /// The shape in responses.
    var responsesObject: JSONValue {
        [
            "input_tokens": .int(input),
            "input_tokens_details": ["cached_tokens": .int(cached), "cache_write_tokens": 0],
            "output_tokens": .int(output), "output_tokens_details": ["reasoning_tokens": .int(reasoning)],
            "total_tokens": .int(input + output),
        ]
    }
}

/// What every endpoint needs to answer one call.
struct CallContext: Sendable {
    /// The name as it was asked for, without a stand-in suffix.
    let model: String
    let info: ModelInfo
    /// Hexadecimal digits that make this call's ids unique.
    let idDigits: String
    /// Seconds since 1970.
    let created: Int
    let seed: UInt64
    let wantedTokens: Int
    let lengthSigma: Double
    let cachedTokens: Int
    let reasoningTokens: Int

    /// Composes all choices of a request and counts them.
    func compose(_ request: GenerationRequest) -> ([Completion], TokenUsage) {
        let composer = Composer(
            request: request, seed: seed, wantedTokens: wantedTokens, lengthSigma: lengthSigma,
            modelLimit: info.maxOutputTokens)
        let completions = (0..<request.choiceCount).map(composer.completion)
        let output = completions.reduce(0) { $0 + $1.tokenCount } + reasoningTokens
        let usage = TokenUsage(
            input: request.prompt.tokens, output: output, cached: min(cachedTokens, request.prompt.tokens),
            reasoning: reasoningTokens)
        return (completions, usage)
    }
}
