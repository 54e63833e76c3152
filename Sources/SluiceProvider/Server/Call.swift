/// One call on its way through the stand-in.
struct Call {
    let request: IncomingRequest
    let nowNS: UInt64
    /// Seconds since 1970.
    let unixSeconds: Int
    var label = CallLabel(path: "other", model: "", status: 200)
    var random = SplitMix64(seed: 0)
    var key = ""
    /// The model as the caller named it, without the directive.
    var model = ""
    var directive = Directive()
    var fault: Fault?
    private var limitHeaders: [APIError.Header] = []

    init(request: IncomingRequest, nowNS: UInt64, unixSeconds: Int) {
        self.request = request
        self.nowNS = nowNS
        self.unixSeconds = unixSeconds
    }

    /// Keeps what the rate-limit headers will say.
    mutating func note(_ limiter: RateLimiter) {
        for (name, bucket) in [("requests", limiter.requests), ("tokens", limiter.tokens)] {
            guard let bucket else { continue }
            limitHeaders += [
                .init(name: "x-ratelimit-limit-\(name)", value: String(bucket.limit)),
                .init(name: "x-ratelimit-remaining-\(name)", value: String(bucket.remaining)),
                .init(name: "x-ratelimit-reset-\(name)", value: Durations.reset(nanoseconds: bucket.fullAfterNS)),
            ]
        }
    }

    /// The planner of this call's reply, with the headers that every reply has.
    func planner(_ configuration: ProviderConfiguration, isInstant: Bool = false) -> StepPlanner {
        var latency = isInstant ? LatencyModel() : configuration.latency
        if let firstTokenMS = directive.firstTokenMS { latency.firstTokenMS = firstTokenMS }
        if let tokensPerSecond = directive.tokensPerSecond { latency.tokensPerSecond = tokensPerSecond }
        var random = random
        let headers: [APIError.Header] = [
            .init(name: "x-request-id", value: "req_" + random.hex(32)),
            .init(name: "openai-version", value: "2020-10-01"),
            .init(name: "openai-organization", value: "org-stand-in"),
            .init(name: "date", value: Durations.httpDate(unixSeconds: unixSeconds)),
            .init(name: "server", value: "sluice-stand-in"),
            .init(name: "x-sluice-stand-in", value: "true"),
        ]
        return StepPlanner(latency: latency, random: random, headers: headers + limitHeaders, fault: fault)
    }

    /// The plan of an answer with status 200.
    func plan(_ configuration: ProviderConfiguration, _ answer: Answer) -> Plan {
        if let instead = insteadOfAnswer() { return instead }
        var planner = planner(configuration)
        var label = label
        let steps = planner.answer(answer)
        if case .head(let status, _, _)? = steps.first(where: \.isHead) { label.status = status }
        if case .stream = answer { return Plan(steps: steps, label: label, isStream: true) }
        return Plan(steps: steps, label: label)
    }

    /// The plan of a fault that leaves no room for an answer.
    func insteadOfAnswer() -> Plan? {
        let step: Step
        switch fault?.kind {
        case .hang: step = .hang
        case .close: step = .close
        case .reset: step = .reset
        default: return nil
        }
        return Plan(steps: [step], label: CallLabel(path: label.path, model: label.model, status: 0))
    }

    /// What the endpoints need.
    func context(_ configuration: ProviderConfiguration, _ info: ModelInfo) -> CallContext {
        var random = SplitMix64(seed: self.random.state ^ 0x5EED)
        return CallContext(
            model: model, info: info, idDigits: random.hex(24), created: unixSeconds, seed: configuration.seed,
            wantedTokens: directive.outputTokens ?? configuration.outputTokens,
            lengthSigma: directive.outputTokens == nil ? configuration.outputSigma : 0,
            cachedTokens: directive.cachedTokens, reasoningTokens: directive.reasoningTokens)
    }
}

extension Step {
    var isHead: Bool { if case .head = self { true } else { false } }
}

/// A request that was read and checked, ready to be answered.
enum Work {
    case chat(GenerationRequest)
    case responses(JSONObject, GenerationRequest)
    case completions(GenerationRequest)
    case embeddings(EmbeddingsEndpoint)
    case moderations([String])

    /// Reads the body of a model's endpoint and checks it against the model's window.
    init(_ route: Route, _ body: JSONObject, _ info: ModelInfo) throws(APIError) {
        switch route {
        case .chat: self = .chat(try ChatRequest.read(body).checked(info))
        case .responses: self = .responses(body, try ResponsesRequest.read(body).checked(info))
        case .completions: self = .completions(try CompletionsEndpoint.read(body).checked(info))
        case .embeddings:
            let endpoint = try EmbeddingsEndpoint(body)
            guard endpoint.longest <= info.contextWindow else {
                throw .contextLength(limit: info.contextWindow, prompt: endpoint.longest, output: 0, param: "input")
            }
            self = .embeddings(endpoint)
        default: self = .moderations(try ModerationsEndpoint.inputs(body))
        }
    }

    /// Tokens that count against the limit up front: the prompt and the asked-for most output.
    func tokens(unlimited: Int) -> Int {
        switch self {
        case .chat(let request), .responses(_, let request), .completions(let request):
            request.prompt.tokens + request.choiceCount * (request.maxTokens ?? unlimited)
        case .embeddings(let endpoint): endpoint.tokens
        case .moderations: 0
        }
    }

    func answer(_ context: CallContext) -> Answer {
        switch self {
        case .chat(let request): ChatReply(request: request, context: context).answer()
        case .responses(let body, let request):
            ResponsesReply(body: body, request: request, context: context).answer()
        case .completions(let request): CompletionsEndpoint.answer(request, context)
        case .embeddings(let endpoint): endpoint.answer(context)
        case .moderations(let inputs): ModerationsEndpoint.answer(inputs, context)
        }
    }
}

extension GenerationRequest {
    /// Itself, if prompt and asked-for output fit the model.
    fileprivate func checked(_ info: ModelInfo) throws(APIError) -> GenerationRequest {
        let output = maxTokens ?? 0
        if let maxTokens, maxTokens > info.maxOutputTokens, maxTokens <= info.contextWindow {
            throw .wrongValue(maxTokensParam, "this model makes at most \(info.maxOutputTokens) tokens")
        }
        guard prompt.tokens + output <= info.contextWindow else {
            throw .contextLength(
                limit: info.contextWindow, prompt: prompt.tokens, output: output,
                param: maxTokens == nil ? "messages" : maxTokensParam)
        }
        return self
    }
}
