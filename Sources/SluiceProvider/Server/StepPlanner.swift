/// Turns an answer into steps: with the latency of the model, and bent by a fault.
struct StepPlanner {
    let latency: LatencyModel
    var random: SplitMix64
    /// Headers of every reply.
    let headers: [APIError.Header]
    /// Length of half a body and the like are counted from here.
    let fault: Fault?

    private static let json = "application/json"

    /// A refusal.
    func refusal(_ error: APIError) -> [Step] {
        let body = JSONWriter.bytes(error.body)
        return whole(status: error.status, type: Self.json, body, extra: error.headers, delayNS: 0)
    }

    /// An answer with status 200.
    mutating func answer(_ answer: Answer) -> [Step] {
        var steps: [Step] = []
        if let fault, fault.kind == .delay { steps.append(.wait(nanoseconds: (fault.delayMS ?? 1000) * 1_000_000)) }
        switch answer {
        case .plain(let body, let tokens): return steps + plain(JSONWriter.bytes(body), tokens: tokens)
        case .stream(let stream): return steps + streamed(stream)
        }
    }

    private func head(
        status: Int = 200, type: String, extra: [APIError.Header] = [], length: Int?, delayNS: Int
    ) -> Step {
        let own = [
            APIError.Header(name: "content-type", value: type),
            APIError.Header(name: "openai-processing-ms", value: String(delayNS / 1_000_000)),
        ]
        return .head(status: status, headers: own + headers + extra, length: length)
    }

    private func whole(
        status: Int = 200, type: String, _ body: [UInt8], extra: [APIError.Header] = [], delayNS: Int
    ) -> [Step] {
        let head = head(status: status, type: type, extra: extra, length: body.count, delayNS: delayNS)
        let answer: [Step] = [head, .bytes(body), .end]
        return delayNS > 0 ? [.wait(nanoseconds: delayNS)] + answer : answer
    }
}

// MARK: Plain

extension StepPlanner {
    private mutating func plain(_ body: [UInt8], tokens: Int) -> [Step] {
        let delay = latency.firstTokenDelayNS(&random) + latency.gapNS(tokens: max(tokens - 1, 0), &random)
        let wait: [Step] = delay > 0 ? [.wait(nanoseconds: delay)] : []
        let head = head(type: Self.json, length: body.count, delayNS: delay)
        let half = Array(body.prefix(body.count / 2))
        switch fault?.kind {
        case .malformedJSON, .endEarly: return whole(type: Self.json, half, delayNS: delay)
        case .wrongContentType: return whole(type: "text/html; charset=utf-8", Self.page, delayNS: delay)
        case .hangMidStream: return wait + [head, .bytes(half), .hang]
        case .cutMidBody, .cutMidStream: return wait + [head, .bytes(half), .close]
        case .trickle: return wait + [head, trickle(body), .end]
        case .hugeBody: return wait + huge(body, delayNS: delay)
        case .streamError, .responseFailed: return refusal(.serverError)
        default: return whole(type: Self.json, body, delayNS: delay)
        }
    }

    private static let page = Array("<!doctype html><title>Not JSON</title><p>The stand-in sends a page.</p>\n".utf8)

    /// The body with one more member that is as long as wished.
    private func huge(_ body: [UInt8], delayNS: Int) -> [Step] {
        let size = fault?.bytes ?? 8 << 20
        let start = Array(body.dropLast()) + Array(#","stand_in_padding":""#.utf8)
        let end = Array(#""}"#.utf8)
        let length = start.count + size + end.count
        return [
            head(type: Self.json, length: length, delayNS: delayNS), .bytes(start), .filler(size), .bytes(end), .end,
        ]
    }

    private func trickle(_ bytes: [UInt8]) -> Step {
        .trickle(bytes, size: fault?.bytes ?? 1, pauseNS: (fault?.delayMS ?? 20) * 1_000_000)
    }
}

// MARK: Streamed

extension StepPlanner {
    private mutating func streamed(_ stream: StreamAnswer) -> [Step] {
        let delay = latency.firstTokenDelayNS(&random)
        var steps: [Step] = delay > 0 ? [.wait(nanoseconds: delay)] : []
        if fault?.kind == .wrongContentType { return steps + whole(type: "text/html", Self.page, delayNS: delay) }
        steps.append(head(type: "text/event-stream; charset=utf-8", length: nil, delayNS: delay))
        var isFirstToken = true
        for (index, frame) in stream.frames.enumerated() {
            if let fault, index == min(fault.after, stream.frames.count - 1) {
                let (bent, isOver) = bend(stream, frame, fault, index)
                steps += bent
                if isOver { return steps }
            }
            let gap = isFirstToken ? 0 : latency.gapNS(tokens: frame.tokens, &random)
            if gap > 0 { steps.append(.wait(nanoseconds: gap)) }
            if frame.tokens > 0 { isFirstToken = false }
            steps.append(fault?.kind == .trickle ? trickle(frame.bytes) : .bytes(frame.bytes))
        }
        return steps + [.end]
    }

    /// What the fault does before frame `index`, and whether the stream is over then.
    private func bend(
        _ stream: StreamAnswer, _ frame: StreamAnswer.Frame, _ fault: Fault, _ index: Int
    ) -> ([Step], Bool) {
        switch fault.kind {
        case .hangMidStream: return ([.hang], true)
        case .cutMidStream: return ([.close], true)
        case .cutMidBody: return ([.bytes(Array(frame.bytes.prefix(frame.bytes.count / 2))), .close], true)
        case .endEarly: return ([.end], true)
        case .malformedJSON: return ([.bytes(Array("data: {\"id\": \"broken\n\n".utf8))], false)
        case .hugeBody: return (hugeEvent(stream.frames[0], fault), false)
        case .streamError: return ([.bytes(errorEvent(stream.style, index, fault)), .end], true)
        case .responseFailed: return ([.bytes(failedEvent(stream.style, index, fault)), .end], true)
        default: return ([], false)
        }
    }

    /// The stream's first event once more, with one long member.
    private func hugeEvent(_ frame: StreamAnswer.Frame, _ fault: Fault) -> [Step] {
        let start = Array(frame.bytes.dropLast(3)) + Array(#","stand_in_padding":""#.utf8)
        return [.bytes(start), .filler(fault.bytes ?? 8 << 20), .bytes(Array("\"}\n\n".utf8))]
    }

    private func errorEvent(_ style: StreamAnswer.Style, _ index: Int, _ fault: Fault) -> [UInt8] {
        var error = APIError.serverError
        if let code = fault.code { error.code = code }
        switch style {
        case .chat: return SSEWriter.event(error.body)
        case .responses:
            let data: JSONValue = [
                "type": "error", "sequence_number": .int(index), "code": .optional(error.code),
                "message": .string(error.message), "param": .null,
            ]
            return SSEWriter.event(data, name: "error")
        }
    }

    private func failedEvent(_ style: StreamAnswer.Style, _ index: Int, _ fault: Fault) -> [UInt8] {
        guard case .responses(var response) = style else { return errorEvent(style, index, fault) }
        response["error"] = [
            "code": .string(fault.code ?? "server_error"), "message": .string(APIError.serverError.message),
        ]
        let data: JSONValue = [
            "type": "response.failed", "sequence_number": .int(index), "response": .object(response),
        ]
        return SSEWriter.event(data, name: "response.failed")
    }
}
