import SluiceOpenAI
import SluicePolicy
import SluiceUpstream
import SluiceWire

/// Streamed answers: bytes in, chunks out, as fast as the caller's credit allows and no faster.
extension Coordinator {
    func began(_ call: CallContext, _ head: UpstreamHead) {
        call.requestID = head["x-request-id"] ?? call.requestID
        call.stream?.status = head.status
        if call.stream != nil, (200...299).contains(head.status), let id = call.callID {
            var effects: [Effect] = []
            policy.answerBegan(id, at: Self.now, into: &effects)
            perform(effects)
        }
        // A server that ignores `stream` answers with one body, which no consumer of chunks can use.
        if let type = head["content-type"], type.hasPrefix("application/json") {
            breakOff(call, "the provider answered a streamed call with one JSON body instead of events")
        }
    }

    func arrived(_ call: CallContext, _ bytes: [UInt8]) {
        var events: [[UInt8]] = []
        do {
            try call.stream?.parser.feed(bytes) { data in events.append(data.copy(0..<data.byteCount)) }
        } catch {
            breakOff(call, "an event of the provider's stream is larger than \(error.limit) bytes")
        }
        for event in events { take(event, of: call) }
    }

    /// The bytes are over: an event that only lacks its blank line still counts.
    func finishParsing(_ call: CallContext) {
        var events: [[UInt8]] = []
        call.stream?.parser.finish { data in events.append(data.copy(0..<data.byteCount)) }
        for event in events { take(event, of: call) }
    }

    private func take(_ data: [UInt8], of call: CallContext) {
        guard call.token != nil, let stream = call.stream else { return }
        let step: StreamStep
        do {
            step = try stream.reader.read(data.span.bytes)
        } catch {
            breakOff(call, "the provider's stream holds data that is not JSON in UTF-8")
            return
        }
        if let usage = step.usage { stream.usage = usage }
        if let model = step.model { stream.model = model }
        if let error = step.error { stream.providerError = error }
        if let end = step.end, stream.end != .failed { stream.end = end }
        if step.forward { offer(call, stream, data) }
    }

    /// Sends a chunk, or keeps it until there is credit.
    private func offer(_ call: CallContext, _ stream: StreamState, _ data: [UInt8]) {
        if stream.credit > 0, !stream.hasWaiting, call.session.isWritable {
            forward(call, stream, data)
            return
        }
        stream.waiting.append(data)
        guard !stream.isPaused, let token = call.token, let id = call.callID else { return }
        stream.isPaused = true
        stream.stalledSince = Self.now
        stalled[id] = call
        upstream?.pause(token)
    }

    private func forward(_ call: CallContext, _ stream: StreamState, _ data: [UInt8]) {
        let seq = stream.seq
        if seq == 0 {
            call.pool.meter.firstChunk(call.plan.lane, microseconds: Self.now.microseconds(since: call.arrivedAt))
        }
        stream.seq = seq + 1
        stream.credit -= data.count
        data.withUnsafeBytes { bytes in
            call.session.send { $0.chunk(id: call.plan.id, seq: seq, data: bytes) }
        }
    }

    /// Adds credit and sends what waited for it.
    func granted(_ call: CallContext, bytes: Int) {
        guard let stream = call.stream else {
            call.credit = min(call.credit + bytes, WireLimits.streamCreditCeiling)
            return
        }
        let sentBefore = stream.seq
        stream.credit = min(stream.credit + bytes, WireLimits.streamCreditCeiling)
        while stream.hasWaiting, stream.credit > 0, call.session.isWritable {
            forward(call, stream, stream.nextWaiting())
        }
        guard stream.isPaused, let id = call.callID else { return }
        if stream.hasWaiting {
            // A consumer that gets something is slow, not stuck.
            if stream.seq != sentBefore { stream.stalledSince = Self.now }
            return
        }
        stream.isPaused = false
        stream.stalledSince = nil
        stalled[id] = nil
        if let end = stream.heldEnd {
            stream.heldEnd = nil
            conclude(call, end)
        } else if let token = call.token {
            upstream?.resume(token)
        }
    }

    /// The stream cannot be followed any further: it is cut off and its call ends as failed.
    private func breakOff(_ call: CallContext, _ message: String) {
        end(call, WireError(.providerBadResponse, message, status: call.stream?.status))
    }
}
