import SluiceConfig
import SluiceOpenAI
import SluicePolicy
import SluiceUpstream
import SluiceWire

/// From a call's arrival to its attempts, and every way in which it can end.
extension Coordinator {
    /// Takes a new call through the pipeline and hands it to the scheduler.
    ///
    /// - Throws: the refusal, for the session to send.
    func start(_ frame: CallFrame, _ payload: RawSpan, from session: Session) throws(WireError) {
        let now = Self.now
        let feature = features.entry(frame.feature, engine: &policy, at: now)
        do throws(WireError) {
            if isDraining {
                throw WireError(.policyDraining, "the agent is stopping; connect again in a moment")
            }
            let tenant = tenants.entry(frame.tenant, engine: &policy, at: now)
            let plan = try pipeline.plan(frame, tenant.plan, feature.settings, in: payload)
            try admit(plan, tenant.id, feature.id, session, at: now)
        } catch {
            let lane = CallPipeline.lane(frame, feature.settings)
            metrics.refused(endpoint: Endpoint(path: frame.path), lane: lane, error.code)
            throw error
        }
    }

    private func admit(
        _ plan: CallPlan, _ tenant: TenantID, _ feature: FeatureID, _ session: Session, at now: MonotonicTime
    ) throws(WireError) {
        guard let group = pools.group(model: plan.view.model, engine: &policy, at: now) else {
            throw WireError(
                .policyNoCredentials,
                "no usable API key is configured for this model's upstream; see `sluice config check`")
        }
        let chain = plan.modelRange == nil ? [] : fallbacks(plan, at: now)
        let estimate = estimate(plan, plan.view.model)
        let arrival = Arrival(
            group: group.id, lane: plan.lane.policyLane, tenant: tenant, feature: feature,
            endpoint: plan.endpoint.index, cost: CallCost(estimate), bytes: plan.body?.count ?? 0,
            deadline: now.advanced(byMicroseconds: Int64(plan.deadlineMS) * 1000),
            fallbacks: chain.map { step in
                FallbackRoute(
                    group: step.group.id, cost: CallCost(self.estimate(plan, step.model)), triggers: step.triggers)
            })
        var effects: [Effect] = []
        let id: CallID
        do throws(Refusal) {
            id = try policy.arrive(arrival, at: now, into: &effects)
        } catch {
            try turnAway(plan, group, estimate, error, session, at: now)
            return
        }
        if let refusal = Self.refusal(in: effects, of: id) {
            perform(effects)
            try turnAway(plan, group, estimate, refusal, session, at: now)
            return
        }
        guard let pool = policy.pool(of: id) else {
            perform(effects)
            throw WireError(.internal, "the scheduler took the call and knows it no more", retryable: true)
        }
        let call = CallContext(
            plan: plan, session: session, pool: pools[pool], estimate: estimate, fallbacks: chain, arrivedAt: now,
            credit: configuration.limits.streamCredit)
        call.callID = id
        callsByID[id] = call
        session.add(call)
        perform(effects)
    }

    /// A call that no pool took.
    private func turnAway(
        _ plan: CallPlan, _ group: PoolGroup, _ estimate: CallEstimate, _ refusal: Refusal, _ session: Session,
        at now: MonotonicTime
    ) throws(WireError) {
        let error = WireError(refusal, pool: group.name)
        record(plan, group, estimate, refused: error.code, at: now)
        guard !plan.view.stream, let body = degradedAnswer?(plan, error.code) else { throw error }
        answerDegraded(plan, body, error.code, session)
    }

    /// Why the core let go of a call in the event that let it in: a half-open breaker gave its probe to one that
    /// waited already.
    private static func refusal(in effects: [Effect], of id: CallID) -> Refusal? {
        for case .refuse(id, let refusal, _) in effects { return refusal }
        return nil
    }

    func estimate(_ plan: CallPlan, _ model: String?) -> CallEstimate {
        estimates.estimate(
            plan.weight, model: model, endpoint: plan.endpoint, tenant: plan.tenant,
            askedOutput: plan.view.maxOutputTokens)
    }

    private func fallbacks(_ plan: CallPlan, at now: MonotonicTime) -> [FallbackStep] {
        chains.chain(feature: plan.feature, model: plan.view.model ?? "") { model, upstream in
            pools.group(model: model, upstream: upstream, engine: &policy, at: now)
        }
    }

    // MARK: Effects

    func perform(_ effects: [Effect]) {
        for effect in effects {
            switch effect {
            case .send(let id, let dispatch): callsByID[id].map { send($0, dispatch) }
            case .queued(let id, let position, let eta):
                callsByID[id].map { tellQueued($0, position: position, etaMicroseconds: eta) }
            case .expire(let id, _, _): callsByID[id].map(expired)
            case .refuse(let id, let refusal, _): callsByID[id].map { refused($0, refusal) }
            }
        }
    }

    private func tellQueued(_ call: CallContext, position: Int, etaMicroseconds: Int64) {
        call.wasQueued = true
        if let id = call.callID, let pool = policy.pool(of: id) { call.pool = pools[pool] }
        guard call.plan.progress else { return }
        call.session.send {
            // The core counts places from 1, the protocol the calls ahead from 0.
            $0.queued(
                id: call.plan.id, pool: call.pool.name, position: position - 1, etaMS: Int(etaMicroseconds / 1000))
        }
    }

    private func send(_ call: CallContext, _ dispatch: Dispatch) {
        let now = Self.now
        let attempt = dispatch.attempt
        call.attempts = attempt
        call.pool = pools[dispatch.pool]
        take(call, route: dispatch.route)
        call.attemptStartedAt = now
        if call.firstSentAt == nil {
            call.firstSentAt = now
            call.pool.meter.waited(call.plan.lane, microseconds: now.microseconds(since: call.arrivedAt))
        }
        if call.wasQueued {
            call.wasQueued = false
            if call.plan.progress {
                call.session.send {
                    $0.started(
                        id: call.plan.id, attempt: attempt,
                        waitedMS: CallContext.milliseconds(from: call.waitingSince, to: now))
                }
            }
        }
        submit(call)
    }

    /// The core sent the call on to a fallback: another model from here on.
    private func take(_ call: CallContext, route: Int) {
        guard route != call.route else { return }
        call.route = route
        call.fallbackReason = call.callID.flatMap { policy.fallbackTrigger(of: $0) }.map(FallbackReason.init) ?? .error
        call.estimate = estimate(call.plan, call.model)
        call.pool.meter.fellBack(call.fallbackReason ?? .error)
    }

    private func submit(_ call: CallContext) {
        let token = newToken()
        let timeouts = call.pool.route.timeouts
        let request = UpstreamRequest(
            token: token, profile: call.pool.route.profile, method: call.plan.method == .get ? .get : .post,
            path: call.plan.upstreamPath, body: call.requestBody, streaming: call.plan.view.stream,
            firstByteTimeoutMS: timeouts.firstByte.wholeMilliseconds, idleTimeoutMS: timeouts.idle.wholeMilliseconds,
            totalTimeoutMS: timeouts.total.wholeMilliseconds)
        call.token = token
        callsByToken[token] = call
        if call.plan.view.stream { call.stream = newStream(call) }
        guard let upstream, upstream.submit(request) else {
            callsByToken[token] = nil
            call.token = nil
            end(call, WireError(.internal, "the upstream engine takes no more requests", retryable: true))
            return
        }
    }

    private func newStream(_ call: CallContext) -> StreamState {
        let injected = call.plan.endpoint.hasStreamUsageOption && !call.plan.view.wantsUsageChunk
        return StreamState(
            reader: StreamReader(endpoint: call.plan.endpoint, withholdsUsage: injected), credit: call.credit)
    }

    // MARK: Ends that do not come from the provider

    func cancelled(_ call: CallContext) {
        end(call, WireError(.callerCancelled, "the call was cancelled by its caller"))
    }

    func disconnected(_ call: CallContext) {
        end(call, WireError(.callerDisconnected, "the caller went away"))
    }

    private func expired(_ call: CallContext) {
        let message =
            "the deadline of \(call.plan.deadlineMS) ms passed while the call was "
            + (call.token == nil ? "waiting in \(call.pool.name)" : "with the provider")
        end(call, WireError(.policyDeadlineExceeded, message, limit: "deadline_ms"))
    }

    /// The core lets a call that waited go after all.
    private func refused(_ call: CallContext, _ refusal: Refusal) {
        let error = WireError(refusal, pool: call.pool.name)
        guard call.attempts == 0, !call.plan.view.stream, let body = degradedAnswer?(call.plan, error.code) else {
            end(call, error)
            return
        }
        finish(call, .answer(summary(call, status: 200, usage: nil, model: nil, at: Self.now), body: body))
    }

    /// A call that no pool took gets the answer that a policy has for that.
    private func answerDegraded(_ plan: CallPlan, _ body: [UInt8], _ code: ErrorCode, _ session: Session) {
        metrics.refused(endpoint: plan.endpoint, lane: plan.lane, code)
        let summary = ResultSummary(
            status: 200, usage: nil, charged: .none, attempts: 0, upstreamRequestID: nil, model: nil, queuedMS: 0,
            upstreamMS: 0, totalMS: 0)
        body.withUnsafeBytes { bytes in session.send { $0.result(id: plan.id, summary, body: bytes) } }
    }

    /// Ends calls together: those that wait before those that run, and the last in the queue first, so that none of
    /// them is sent for a moment because another made room.
    func endTogether(_ calls: [CallContext], _ end: (CallContext) -> Void) {
        for call in calls.filter({ $0.token == nil }).sorted(by: { $0.arrivedAt > $1.arrivedAt }) { end(call) }
        for call in calls where call.token != nil { end(call) }
    }

    /// Ends a call with an error: aborts its transfer, tells the core, answers the caller.
    func end(_ call: CallContext, _ error: WireError) {
        var error = error
        error.attempts = call.attempts
        if call.token != nil { call.anythingSent = true }
        if error.charged == .none { error.charged = charge(call, call.stream?.usage) }
        abortTransfer(call)
        var effects: [Effect] = []
        // The core knows a call no longer whose deadline it saw pass; it ignores that one.
        if let id = call.callID { policy.cancel(id, at: Self.now, into: &effects) }
        finish(call, .failure(error))
        perform(effects)
    }

    private func abortTransfer(_ call: CallContext) {
        guard let token = call.token else { return }
        callsByToken[token] = nil
        call.token = nil
        upstream?.cancel(token)
        let service = call.attemptStartedAt.map { Self.now.microseconds(since: $0) } ?? 0
        call.pool.meter.attempt("aborted", microseconds: service, isRateLimit: false)
    }
}

extension WireError {
    /// The core's refusal in the protocol's words.
    init(_ refusal: Refusal, pool: String) {
        switch refusal {
        case .queueCalls(let limit, let after):
            self.init(
                .policyQueueFull, "\(limit) calls wait for \(pool) already", retryAfterMS: Self.milliseconds(after),
                limit: "queue_calls")
        case .queueBytes(let limit, let after):
            self.init(
                .policyQueueFull, "\(limit) bytes of requests wait for \(pool) already",
                retryAfterMS: Self.milliseconds(after), limit: "queue_size")
        case .tenantQueue(let limit, let after):
            self.init(
                .policyQueueFull, "\(limit) calls of this tenant wait for \(pool) already",
                retryAfterMS: Self.milliseconds(after), limit: "tenant_queue_calls")
        case .deadlineUnmeetable(let wait, let after):
            self.init(
                .policyDeadlineUnmeetable,
                "the wait for \(pool) is about \(wait / 1000) ms, which is past the deadline",
                retryAfterMS: Self.milliseconds(after), limit: "deadline_ms")
        case .exceedsLimit(let name, let limit):
            self.init(
                .policyExceedsLimit,
                "the call needs more than the \(limit) that \(name.rawValue) of \(pool) allows; make it smaller",
                limit: name.rawValue)
        case .overloaded(let after):
            self.init(
                .policyOverloaded,
                "the tenant's queue for \(pool) has been too slow for too long; send less or raise its weight",
                retryAfterMS: Self.milliseconds(after), limit: "shed_target")
        case .breakerOpen(let after):
            self.init(
                .policyCircuitOpen, "\(pool) has failed too often just now; calls to it pause",
                retryAfterMS: Self.milliseconds(after))
        }
    }

    /// Rounded up, so that nobody comes back too early.
    private static func milliseconds(_ microseconds: Int64) -> Int { Int((max(0, microseconds) + 999) / 1000) }
}

extension CallCost {
    init(_ estimate: CallEstimate) { self.init(tokens: estimate.tokens, images: estimate.images) }
}

extension FallbackReason {
    init(_ trigger: FallbackTriggers) {
        self =
            switch trigger {
            case .breakerOpen: .breakerOpen
            case .quotaExhausted: .quotaExhausted
            case .deadlineUnmeetable: .deadlineUnmeetable
            case .overloaded: .overloaded
            default: .error
            }
    }
}
