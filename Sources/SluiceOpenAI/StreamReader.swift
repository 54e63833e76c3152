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

    /// Whether the caller gets this object.
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

    /// Reads one data payload.
    ///
    /// - Throws: ``JSONFault`` when it is neither `[DONE]` nor JSON: it must not be spliced into a frame.
    package mutating func read(_ data: RawSpan) throws(JSONFault) -> StreamStep {
        if data.matches(0..<data.byteCount, "[DONE]") {
            return StreamStep(forward: false, end: .complete)
        }
        var reader = JSONReader()
        reader.skipSpace(in: data)
        guard reader.kindAhead(in: data) == .object else {
            _ = try JSONReader.validate(data)
            return StreamStep(forward: true)
        }
        let object = try JSONObjectSlice.read(data)
        return endpoint == .responses ? typedEvent(object, in: data) : chatChunk(object, in: data)
    }

    private mutating func chatChunk(_ object: JSONObjectSlice, in data: RawSpan) -> StreamStep {
        var step = StreamStep(forward: true)
        if !modelKnown {
            step.model = ResponseView(object, in: data).model
            modelKnown = step.model != nil
        }
        if let error = object.value("error", in: data), error.kind == .object {
            return StreamStep(forward: false, end: .failed, error: data.copy(error.range))
        }
        if let usage = object.value("usage", in: data), usage.kind == .object {
            step.usage = WireUsage.read(usage, in: data)
            step.forward = !(withholdsUsage && Self.hasNoChoices(object, in: data))
        }
        return step
    }

    private static func hasNoChoices(_ object: JSONObjectSlice, in data: RawSpan) -> Bool {
        guard let choices = object.value("choices", in: data), choices.kind == .array else { return false }
        var reader = JSONReader(at: choices.start + 1)
        reader.skipSpace(in: data)
        return data.byte(reader.position) == UInt8(ascii: "]")
    }

    private mutating func typedEvent(_ object: JSONObjectSlice, in data: RawSpan) -> StreamStep {
        var step = StreamStep(forward: true)
        guard let type = object.value("type", in: data), type.kind == .string else {
            if let error = object.value("error", in: data), error.kind == .object {
                return StreamStep(forward: false, end: .failed, error: data.copy(error.range))
            }
            return step
        }
        let name = (type.start + 1)..<(type.end - 1)
        if data.matches(name, "error") || data.matches(name, "response.failed") { step.end = .failed }
        if data.matches(name, "response.completed") || data.matches(name, "response.incomplete") {
            step.end = .complete
        }
        guard step.end != nil, let response = object.value("response", in: data),
            let members = JSONObjectSlice.read(response, in: data)
        else { return step }
        let view = ResponseView(members, in: data)
        step.usage = view.usage
        step.model = view.model
        return step
    }
}
