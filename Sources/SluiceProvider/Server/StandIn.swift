import Synchronization

/// The stand-in without its sockets: takes a request, decides, and says in steps how to answer.
final class StandIn: Sendable {
    /// What changes from call to call.
    private struct State {
        var stats = StatsRecorder()
        var random: SplitMix64
        var limiters: [String: RateLimiter] = [:]
        var directiveUses: [String: Int] = [:]
        var ruleCalls: [Int]
    }

    let configuration: ProviderConfiguration
    private let catalogue: ModelCatalogue
    private let startNS: UInt64
    private let state: Mutex<State>

    /// Most (key, model) pairs with buckets of their own; the pairs beyond share one.
    private static let maxLimiters = 4096
    /// Most directives with `times` that are counted; those beyond always strike.
    private static let maxDirectives = 16_384

    init(_ configuration: ProviderConfiguration, nowNS: UInt64) {
        self.configuration = configuration
        catalogue = ModelCatalogue(configuration.models)
        startNS = nowNS
        state = Mutex(
            State(
                random: SplitMix64(seed: configuration.seed),
                ruleCalls: Array(repeating: 0, count: configuration.faults.rules.count)))
    }

    /// Reads or changes the statistics.
    func recording<Result: Sendable>(_ body: (inout StatsRecorder) -> Result) -> Result {
        state.withLock { body(&$0.stats) }
    }

    /// Decides how to answer `request`.
    func plan(_ request: IncomingRequest, nowNS: UInt64, unixSeconds: Int) -> Plan {
        var call = Call(request: request, nowNS: nowNS, unixSeconds: unixSeconds)
        call.random = state.withLock { SplitMix64(seed: $0.random.next()) }
        do throws(APIError) {
            let route = try Route(method: request.method, path: request.path)
            call.label.path = route.label
            if let own = ownPlan(route, call) { return own }
            recording { $0.received(request) }
            let plan = try answer(route, &call)
            recording { $0.planned(plan) }
            return plan
        } catch {
            if call.label.path == "other" { recording { $0.received(request) } }
            call.label.status = error.status
            var plan = Plan(steps: call.planner(configuration).refusal(error), label: call.label)
            // The answer to HEAD has no body, whatever its length says.
            if request.method == "HEAD" { plan.steps.removeAll { if case .bytes = $0 { true } else { false } } }
            recording { $0.planned(plan) }
            return plan
        }
    }

    /// The stand-in's own pages, which need no key and count nowhere.
    private func ownPlan(_ route: Route, _ call: Call) -> Plan? {
        var planner = call.planner(configuration, isInstant: true)
        switch route {
        case .stats:
            let stats = recording { $0.snapshot }
            return Plan(steps: planner.answer(.plain(stats.json, outputTokens: 0)), label: call.label)
        case .reset:
            recording { $0.reset() }
            return Plan(steps: planner.answer(.plain(["reset": true], outputTokens: 0)), label: call.label)
        case .health:
            return Plan(steps: planner.answer(.plain(["stand_in": true], outputTokens: 0)), label: call.label)
        default: return nil
        }
    }

    private func answer(_ route: Route, _ call: inout Call) throws(APIError) -> Plan {
        try authenticate(&call)
        if let text = call.request.faultHeader { call.directive = try Directive(text) }
        switch route {
        case .models, .model: return try answerModels(route, &call)
        default: return try answerPost(route, &call)
        }
    }

    private func authenticate(_ call: inout Call) throws(APIError) {
        guard let key = call.request.bearerKey else { throw .invalidKey }
        guard configuration.keys.isEmpty || configuration.keys.contains(key) else { throw .invalidKey }
        call.key = key
    }

    private func answerModels(_ route: Route, _ call: inout Call) throws(APIError) -> Plan {
        try decideFault(&call, source: call.request.faultHeader)
        guard case .model(let name) = route else {
            return call.plan(configuration, .plain(ModelsEndpoint.list(catalogue), outputTokens: 0))
        }
        guard catalogue.find(name) != nil else { throw .modelNotFound(name) }
        return call.plan(configuration, .plain(ModelsEndpoint.object(name), outputTokens: 0))
    }
}

// MARK: Calls of a model

extension StandIn {
    private func answerPost(_ route: Route, _ call: inout Call) throws(APIError) -> Plan {
        let body = try readBody(call.request.body)
        let info = try readModel(body, &call)
        var work: Work?
        var complaint: APIError?
        do throws(APIError) {
            work = try Work(route, body, info)
        } catch {
            complaint = error
        }
        try admit(&call, tokens: work.map { $0.tokens(unlimited: configuration.outputTokens) } ?? 0)
        try decideFault(&call, source: call.request.faultHeader ?? body["model"]?.stringValue)
        if let steps = call.insteadOfAnswer() { return steps }
        if let complaint { throw complaint }
        guard let work else { throw .serverError }
        return call.plan(configuration, work.answer(call.context(configuration, info)))
    }

    private func readBody(_ bytes: [UInt8]) throws(APIError) -> JSONObject {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(bytes)
        } catch {
            throw .notJSON(error)
        }
        guard let object = value.objectValue else { throw .invalid(nil, "The request body is not a JSON object.") }
        return object
    }

    /// Finds the model, and takes the directive off its name.
    private func readModel(_ body: JSONObject, _ call: inout Call) throws(APIError) -> ModelInfo {
        let isModeration = call.label.path == "/v1/moderations"
        let given = try Fields(body).string("model")
        guard let name = given ?? (isModeration ? "omni-moderation-latest" : nil) else { throw .missing("model") }
        let (base, directive) = Directive.split(model: name)
        call.label.model = "unknown"
        guard base.utf8.count <= 256, let info = catalogue.find(base) else {
            throw .modelNotFound(String(base.prefix(256)))
        }
        call.label.model = info.name
        call.model = base
        if let directive, call.request.faultHeader == nil { call.directive = try Directive(directive) }
        return info
    }

    /// Takes the call from the quota of its key and model, and notes the rate-limit headers.
    private func admit(_ call: inout Call, tokens: Int) throws(APIError) {
        let limits = configuration.modelLimits[call.label.model] ?? configuration.limits
        guard limits.requestsPerMinute != nil || limits.tokensPerMinute != nil else {
            return recording { $0.admitted(tokens: tokens) }
        }
        let name = "\(call.label.model) \(call.key)"
        let (verdict, limiter) = state.withLock { state -> (RateLimiter.Verdict, RateLimiter) in
            let isKnown = state.limiters[name] != nil || state.limiters.count < Self.maxLimiters
            let slot = isKnown ? name : ""
            var limiter = state.limiters[slot] ?? RateLimiter(limits: limits, nowNS: call.nowNS)
            let verdict = limiter.admit(tokenCount: tokens, nowNS: call.nowNS)
            state.limiters[slot] = limiter
            if verdict == .granted { state.stats.admitted(tokens: tokens) } else { state.stats.rateLimited() }
            return (verdict, limiter)
        }
        call.note(limiter)
        guard case .refused(let quota, let waitNS) = verdict else { return }
        let isRequests = quota == .requests
        throw .rateLimited(
            model: call.label.model, quota: quota, limit: (isRequests ? limiter.requests : limiter.tokens)?.limit ?? 0,
            requested: isRequests ? 1 : tokens, waitNS: waitNS)
    }

    /// Settles which fault strikes: the call's own, unless it is used up, else the first rule's.
    private func decideFault(_ call: inout Call, source: String?) throws(APIError) {
        let own = call.directive.fault
        let label = call.label
        let uptimeMS = Int((call.nowNS - startNS) / 1_000_000)
        let draw = call.random.unit()
        let rules = configuration.faults.rules
        call.fault = state.withLock { state -> Fault? in
            var struck: Fault?
            if let own, Self.isLeft(own, source ?? "", &state.directiveUses) { struck = own }
            for (index, rule) in rules.enumerated() where rule.matches(path: label.path, model: label.model) {
                state.ruleCalls[index] += 1
                let strikes = rule.strikes(ordinal: state.ruleCalls[index], uptimeMS: uptimeMS, draw: draw)
                if struck == nil, strikes { struck = rule.fault }
            }
            if let struck { state.stats.struck(struck) }
            return struck
        }
        if let error = call.fault?.apiError(unixSeconds: call.unixSeconds) { throw error }
    }

    private static func isLeft(_ fault: Fault, _ source: String, _ uses: inout [String: Int]) -> Bool {
        guard let times = fault.times else { return true }
        let used = uses[source] ?? 0
        if used > 0 || uses.count < maxDirectives { uses[source] = used + 1 }
        return used < times
    }
}
