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
        do throws(WireError) {
            if isDraining {
                throw WireError(.policyDraining, "the agent is stopping; connect again in a moment")
            }
            let plan = try pipeline.plan(frame, in: payload)
            try admitSomewhere(plan, session, at: now)
        } catch {
            metrics.refused(endpoint: Endpoint(path: frame.path), lane: frame.lane ?? .normal, error.code)
            throw error
        }
    }

    /// Hands the call to the best pool that takes it; with one key there is only one.
    private func admitSomewhere(_ plan: CallPlan, _ session: Session, at now: MonotonicTime) throws(WireError) {
        var refusal: WireError?
        for pool in try rankedPools(plan, at: now) {
            let credit = configuration.limits.streamCredit
            do throws(WireError) {
                return try admit(
                    CallContext(plan: plan, session: session, pool: pool, arrivedAt: now, credit: credit))
            } catch {
                refusal = refusal ?? error
            }
        }
        if let refusal { throw refusal }
    }

    private func admit(_ call: CallContext) throws(WireError) {
        let deadline = call.arrivedAt.advanced(byMicroseconds: Int64(call.plan.deadlineMS) * 1000)
        let arrival = Arrival(
            pool: call.pool.id, cost: call.plan.cost, bytes: call.plan.body?.count ?? 0, deadline: deadline)
        var effects: [Effect] = []
        let id: CallID
        do throws(Refusal) {
            id = try policy.arrive(arrival, at: call.arrivedAt, into: &effects)
        } catch {
            throw WireError(error, pool: call.pool.name)
        }
        call.callID = id
        callsByID[id] = call
        call.session.add(call)
        perform(effects)
    }

    // MARK: Effects

    func perform(_ effects: [Effect]) {
        for effect in effects {
            switch effect {
            case .send(let id, let attempt): callsByID[id].map { send($0, attempt: attempt) }
            case .queued(let id, let position, let eta):
                callsByID[id].map { tellQueued($0, position: position, etaMicroseconds: eta) }
            case .expire(let id, _, _): callsByID[id].map(expired)
            }
        }
    }

    private func tellQueued(_ call: CallContext, position: Int, etaMicroseconds: Int64) {
        call.wasQueued = true
        guard call.plan.progress else { return }
        call.session.send {
            // The core counts places from 1, the protocol the calls ahead from 0.
            $0.queued(
                id: call.plan.id, pool: call.pool.name, position: position - 1, etaMS: Int(etaMicroseconds / 1000))
        }
    }

    private func send(_ call: CallContext, attempt: Int) {
        let now = Self.now
        call.attempts = attempt
        call.attemptStartedAt = now
        if call.firstSentAt == nil {
            call.firstSentAt = now
            call.pool.meter.waited(call.plan.lane, microseconds: now.microseconds(since: call.arrivedAt))
        }
        if call.wasQueued {
            call.wasQueued = false
            if call.plan.progress {
                call.session.send {
                    $0.started(id: call.plan.id, attempt: attempt, waitedMS: call.queuedMS(at: now))
                }
            }
        }
        submit(call)
    }

    private func submit(_ call: CallContext) {
        let token = newToken()
        let timeouts = call.pool.route.timeouts
        let request = UpstreamRequest(
            token: token, profile: call.pool.route.profile, method: call.plan.method == .get ? .get : .post,
            path: call.plan.upstreamPath, body: call.plan.body, streaming: call.plan.view.stream,
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
                .policyQueueFull, "\(limit) calls wait for \(pool) already", retryAfterMS: Int(after / 1000),
                limit: "queue_calls")
        case .queueBytes(let limit, let after):
            self.init(
                .policyQueueFull, "\(limit) bytes of requests wait for \(pool) already",
                retryAfterMS: Int(after / 1000), limit: "queue_size")
        case .deadlineUnmeetable(let wait):
            self.init(
                .policyDeadlineUnmeetable,
                "the wait for \(pool) is about \(wait / 1000) ms, which is past the deadline",
                retryAfterMS: Int(wait / 1000), limit: "deadline_ms")
        case .exceedsLimit(let name, let limit):
            self.init(
                .policyExceedsLimit,
                "the call needs more than the \(limit) that \(pool) allows in a minute; make it smaller",
                limit: name.rawValue)
        }
    }
}
