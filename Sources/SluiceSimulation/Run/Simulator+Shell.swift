import SluicePolicy

// What the agent does around its engine: carries out effects, and tells it what came of them.

extension Simulator {
    mutating func perform() {
        var index = 0
        // Performing an effect adds none: the engine is called by events alone.
        while index < effects.count {
            perform(effects[index])
            index += 1
        }
    }

    private mutating func perform(_ effect: Effect) {
        switch effect {
        case .send(let id, let dispatch): send(id, dispatch)
        case .queued(let id, let position, let eta): queued(id, position, eta)
        case .expire(let id, let attempts, let inFlight):
            recorder.ledger.expired(calls[id], attempts: attempts, inFlight: inFlight, at: now)
            finish(id, .expired(inFlight: inFlight))
        case .refuse(let id, let refusal, let attempts):
            if let live = calls[id], live.attempts != attempts || live.state == .sent {
                recorder.ledger.fail(.endsOnce, "call \(live.serial) refused in \(live.state)")
            }
            finish(id, .refused(refusal))
        }
    }

    private mutating func queued(_ id: CallID, _ position: Int, _ eta: Int64) {
        guard let live = calls[id], live.state != .sent, position >= 1, eta >= 0 else {
            return recorder.ledger.fail(.endsOnce, "told a call to wait that does not: position \(position)")
        }
        if live.promisedAt == nil { calls[id]?.promisedAt = now + eta }
    }

    private mutating func send(_ id: CallID, _ dispatch: Dispatch) {
        guard var live = calls[id], live.state != .sent else {
            return recorder.ledger.fail(.endsOnce, "sent a call that does not wait")
        }
        let former = live
        live.state = .sent
        live.attempts += 1
        live.firstSentAt = live.firstSentAt ?? now
        live.sentAt = now
        live.pool = dispatch.pool
        live.route = dispatch.route
        live.cost = live.costs[dispatch.route]
        live.hasBegun = false
        var random = random(3, live)
        let exchange = providers[dispatch.pool.index].answer(live.call.request, at: now, random: &random)
        live.exchange = exchange
        calls[id] = live
        recorder.sent(live, former: former, dispatch, exchange, at: now)
        schedule(id, live, exchange)
    }

    /// Chance of one attempt alone, for one use of it.
    private func random(_ use: UInt64, _ live: LiveCall) -> SeededRandom {
        let source = UInt64(bitPattern: Int64(live.call.source))
        return SeededRandom(seed: seed, path: use, source, UInt64(live.call.number), UInt64(live.attempts))
    }

    /// Heads and ends that come later than the agent waits for a first byte are cut off there.
    private mutating func schedule(_ id: CallID, _ live: LiveCall, _ exchange: ProviderExchange) {
        let patience = now + scenario.pools[planOfPool[live.pool.index]].firstByteTimeoutMicroseconds
        guard let end = exchange.endAt, min(exchange.headAt ?? end, end) <= patience else {
            calls[id]?.exchange = ProviderExchange(outcome: .transient(.timeout, retryAfterMicroseconds: nil))
            return agenda.add(.end(id, attempt: live.attempts), at: patience)
        }
        if let head = exchange.headAt { agenda.add(.head(id, attempt: live.attempts), at: head) }
        agenda.add(.end(id, attempt: live.attempts), at: end)
    }

    private func current(_ id: CallID, _ attempt: Int) -> LiveCall? {
        guard let live = calls[id], live.state == .sent, live.attempts == attempt else { return nil }
        return live
    }

    mutating func head(_ id: CallID, _ attempt: Int) {
        guard let live = current(id, attempt) else { return }
        calls[id]?.hasBegun = true
        observe(live.exchange?.report, from: id, live.pool)
        engine.answerBegan(id, at: time, into: &effects)
    }

    private mutating func observe(_ report: QuotaReport?, from id: CallID, _ pool: PoolID) {
        guard let report else { return }
        engine.observe(report, from: id, pool: pool, at: time, into: &effects)
    }

    mutating func end(_ id: CallID, _ attempt: Int) {
        guard let live = current(id, attempt), let exchange = live.exchange else { return }
        if !live.hasBegun { observe(exchange.report, from: id, live.pool) }
        var random = random(4, live)
        let verdict = engine.attemptEnded(
            id, exchange.outcome, mayRetry: !live.hasBegun, serviceMicroseconds: now - live.sentAt,
            random: random.next(), at: time, into: &effects)
        recorder.attemptEnded(live, exchange, verdict, at: now)
        switch verdict {
        case .finished:
            finish(id, Self.end(exchange))
        case .retry, .fallback:
            // The engine may have sent it again in the same breath; the effect is still to be performed.
            calls[id]?.state = .waiting
        }
        guard case .success = exchange.outcome else { return }
        reservations.learn(
            live.call, pool: planOfPool[live.pool.index], input: exchange.usedInput, output: exchange.usedOutput)
    }

    private static func end(_ exchange: ProviderExchange) -> CallEnd {
        guard let failure = FailureKind(exchange.outcome) else {
            return .served(usedInput: exchange.usedInput, usedOutput: exchange.usedOutput)
        }
        return .failed(failure)
    }

    /// Liveness: once arrivals have ended and everybody is gone, nothing may be held.
    mutating func checkEnd() {
        for index in providers.indices {
            let snapshot = engine.snapshot(PoolID(index: index), at: time)
            recorder.ledger.drained(index, inFlight: snapshot.inFlight, queued: snapshot.queued)
        }
    }
}

extension WorkloadCall {
    fileprivate var request: ProviderRequest {
        ProviderRequest(
            inputTokens: inputTokens, outputTokens: outputTokens, maxTokens: maxTokens, images: images,
            isStream: isStream, measured: measured)
    }
}
