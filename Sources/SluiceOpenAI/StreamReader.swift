package import SluiceWire

/// What one SSE data object means for the call it belongs to.
package struct StreamStep: Sendable, Equatable {
    /// How a stream told that it is over.
    package enum End: Sendable, Equatable {
        /// `[DONE]`, `response.completed` or `response.incomplete`.
        case complete
        /// An error object, or `response.failed`.
        case failed
    }

    /// Whether the caller gets this object. An error object that stands alone travels in the terminal event instead.
    package var forward: Bool
    package var usage: WireUsage?
    package var model: String?
    package var end: End?
    /// The provider's error object, where the data is nothing but that.
    package var error: [UInt8]?
}

/// Follows one streamed answer: what to forward, what was used, how it ended.
package struct StreamReader: Sendable {
    private let endpoint: Endpoint
    /// True when the usage chunk was asked for by the agent and not by the caller.
    private let withholdsUsage: Bool
    private var modelKnown = false

    package init(endpoint: Endpoint, withholdsUsage: Bool) {
        self.endpoint = endpoint
        self.withholdsUsage = withholdsUsage
    }

    /// Reads one data payload. An empty one says nothing: some servers keep the connection alive with them.
    ///
    /// - Throws: ``JSONFault`` when it is neither `[DONE]` nor JSON: it must not be spliced into a frame.
    package mutating func read(_ data: RawSpan) throws(JSONFault) -> StreamStep {
        var reader = JSONReader()
        reader.skipSpace(in: data)
        if reader.position == data.byteCount { return StreamStep(forward: false) }
        if Self.isDone(data, from: reader.position) { return StreamStep(forward: false, end: .complete) }
        guard reader.kindAhead(in: data) == .object else {
            _ = try JSONReader.validate(data)
            return StreamStep(forward: true)
        }
        let object = try JSONObjectSlice.read(data)
        return endpoint == .responses ? typedEvent(object, in: data) : chatChunk(object, in: data)
    }

    private static func isDone(_ data: RawSpan, from start: Int) -> Bool {
        let end = start + 6
        guard end <= data.byteCount, data.matches(start..<end, "[DONE]") else { return false }
        var reader = JSONReader(at: end)
        reader.skipSpace(in: data)
        return reader.position == data.byteCount
    }

    private mutating func chatChunk(_ object: JSONObjectSlice, in data: RawSpan) -> StreamStep {
        var step = StreamStep(forward: true)
        if !modelKnown {
            step.model = ResponseView(object, in: data).model
            modelKnown = step.model != nil
        }
        if let error = object.value("error", in: data), error.kind == .object {
            return StreamStep(
                forward: false, usage: object.value("usage", in: data).flatMap { WireUsage.read($0, in: data) },
                model: step.model, end: .failed, error: data.copy(error.range))
        }
        if Self.hasError(object, in: data) { step.end = .failed }
        if let usage = object.value("usage", in: data), usage.kind == .object {
            step.usage = WireUsage.read(usage, in: data)
            step.forward = step.end == .failed || !(withholdsUsage && Self.saysNothing(object, in: data))
        }
        return step
    }

    /// OpenAI sends an object; some compatible servers send a text.
    private static func hasError(_ object: JSONObjectSlice, in data: RawSpan) -> Bool {
        let kind = object.value("error", in: data)?.kind
        return kind == .object || kind == .string
    }

    /// Whether a chunk carries nothing but usage: no choices, as OpenAI has it, or choices with an empty `delta` and no
    /// end, as LiteLLM has it.
    private static func saysNothing(_ object: JSONObjectSlice, in data: RawSpan) -> Bool {
        guard let choices = object.value("choices", in: data), choices.kind == .array else { return false }
        var reader = JSONReader(at: choices.start + 1)
        while true {
            reader.skipSpace(in: data)
            switch data.byte(reader.position) {
            case UInt8(ascii: "]"): return true
            case UInt8(ascii: ","): reader = JSONReader(at: reader.position + 1)
            default:
                guard let choice = try? reader.value(in: data), isEmpty(choice, in: data) else { return false }
            }
        }
    }

    private static func isEmpty(_ choice: JSONValue, in data: RawSpan) -> Bool {
        guard let members = JSONObjectSlice.read(choice, in: data), let delta = members.value("delta", in: data),
            let parts = JSONObjectSlice.read(delta, in: data)
        else { return false }
        let end = members.value("finish_reason", in: data)
        return (end == nil || end?.kind == .null) && parts.members.allSatisfy { $0.value.kind == .null }
    }

    private mutating func typedEvent(_ object: JSONObjectSlice, in data: RawSpan) -> StreamStep {
        var step = StreamStep(forward: true)
        guard let type = object.value("type", in: data), type.kind == .string else {
            if let error = object.value("error", in: data), error.kind == .object {
                return StreamStep(forward: false, end: .failed, error: data.copy(error.range))
            }
            if Self.hasError(object, in: data) { step.end = .failed }
            return step
        }
        let name = (type.start + 1)..<(type.end - 1)
        func named(_ text: StaticString) -> Bool {
            JSONText.equals(name, hasEscape: type.hasEscape, text, in: data)
        }
        if named("error") || named("response.failed") { step.end = .failed }
        if named("response.completed") || named("response.incomplete") { step.end = .complete }
        guard step.end != nil, let response = object.value("response", in: data),
            let members = JSONObjectSlice.read(response, in: data)
        else { return step }
        let view = ResponseView(members, in: data)
        step.usage = view.usage
        step.model = view.model
        return step
    }
}
