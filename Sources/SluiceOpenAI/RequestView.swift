package import SluiceWire

/// What policy must know of a request body. Reading it changes nothing.
package struct RequestView: Sendable, Equatable {
    /// Nil where the endpoint needs none and none was given.
    package var model: String?
    /// Where the model's value stands, quotes included.
    package var modelRange: Range<Int>?
    package var stream: Bool
    /// The most output tokens the caller asked for, over all choices: 0…``maxOutputCeiling``.
    package var maxOutputTokens: Int?
    /// Whether the caller itself wants the extra usage chunk of a stream.
    package var wantsUsageChunk: Bool

    package init(model: String?, stream: Bool, maxOutputTokens: Int?, wantsUsageChunk: Bool) {
        self.model = model
        self.stream = stream
        self.maxOutputTokens = maxOutputTokens
        self.wantsUsageChunk = wantsUsageChunk
    }

    /// Model names longer than this are refused: they become pool names and metric labels.
    package static let modelSize = 256
    /// The most output tokens a request is taken to ask for: no model writes more, and sums stay far from overflow.
    package static let maxOutputCeiling = 1_000_000_000

    /// - Throws: ``WireError`` `caller_invalid_field` naming the field under `body`.
    package static func read(
        _ body: JSONObjectSlice, in bytes: RawSpan, endpoint: Endpoint
    ) throws(WireError) -> RequestView {
        let model = try model(body, in: bytes, endpoint: endpoint)
        let stream = try flag(body.value("stream", in: bytes), "body.stream")
        let options = body.value("stream_options", in: bytes).flatMap { JSONObjectSlice.read($0, in: bytes) }
        var view = RequestView(
            model: model, stream: stream, maxOutputTokens: maxOutput(body, in: bytes),
            wantsUsageChunk: options?.value("include_usage", in: bytes)?.kind == .true)
        if model != nil { view.modelRange = body.value("model", in: bytes)?.range }
        return view
    }

    private static func model(
        _ body: JSONObjectSlice, in bytes: RawSpan, endpoint: Endpoint
    ) throws(WireError) -> String? {
        guard let value = body.value("model", in: bytes), value.kind != .null else {
            if !endpoint.requiresModel { return nil }
            throw invalid("body.model", "is missing; name a model, for example \"gpt-4o-mini\"")
        }
        guard value.kind == .string else { throw invalid("body.model", "must be a string, not \(value.kind.label)") }
        guard let text = JSONText.string(value, in: bytes), !text.isEmpty, text.utf8.count <= modelSize else {
            throw invalid("body.model", "must be 1 to \(modelSize) bytes of text")
        }
        return text
    }

    private static func flag(_ value: JSONValue?, _ field: String) throws(WireError) -> Bool {
        guard let value, value.kind != .null else { return false }
        guard value.kind.isBoolean else { throw invalid(field, "must be true or false, not \(value.kind.label)") }
        return value.kind == .true
    }

    /// The field's name differs by endpoint; a provider judges its value, so what is not a whole number is passed on.
    private static func maxOutput(_ body: JSONObjectSlice, in bytes: RawSpan) -> Int? {
        let value =
            given("max_completion_tokens", body, in: bytes) ?? given("max_tokens", body, in: bytes)
            ?? given("max_output_tokens", body, in: bytes)
        guard let value, let tokens = JSONText.integer(value, in: bytes), tokens >= 0 else { return nil }
        // Completions are generated `best_of` times and shown `n` times.
        let choices = ["n", "best_of"].compactMap { (key: StaticString) in
            body.value(key, in: bytes).flatMap { JSONText.integer($0, in: bytes) }
        }
        let (total, overflow) = tokens.multipliedReportingOverflow(by: max(1, choices.max() ?? 1))
        return overflow ? maxOutputCeiling : min(total, maxOutputCeiling)
    }

    /// The value of `key` where it is not null: null means the same as leaving it out.
    private static func given(_ key: StaticString, _ body: JSONObjectSlice, in bytes: RawSpan) -> JSONValue? {
        body.value(key, in: bytes).flatMap { $0.kind == .null ? nil : $0 }
    }

    private static func invalid(_ field: String, _ complaint: String) -> WireError {
        WireError(.callerInvalidField, "\(field) \(complaint)", field: field)
    }
}

/// A change to a request body: the bytes of `range` give way to `replacement`, the rest stays as it came.
package struct BodyEdit: Sendable, Equatable {
    package var range: Range<Int>
    package var replacement: [UInt8]

    /// Bytes by which the body grows.
    package var growth: Int { replacement.count - range.count }

    /// What makes the provider report the usage of a streamed chat; nil when the body asks for it already.
    package static func includeUsage(_ body: JSONObjectSlice, in bytes: RawSpan) -> BodyEdit? {
        guard let options = body.value("stream_options", in: bytes) else {
            return insertion(after: body.range.lowerBound, #""stream_options":{"include_usage":true}"#, body)
        }
        guard let members = JSONObjectSlice.read(options, in: bytes) else {
            // Null is as good as absent; any other kind is the provider's to refuse.
            guard options.kind == .null else { return nil }
            return BodyEdit(range: options.range, replacement: Array(#"{"include_usage":true}"#.utf8))
        }
        guard let flag = members.value("include_usage", in: bytes) else {
            return insertion(after: options.start, #""include_usage":true"#, members)
        }
        return flag.kind == .true ? nil : BodyEdit(range: flag.range, replacement: Array("true".utf8))
    }

    private static func insertion(after brace: Int, _ text: String, _ object: JSONObjectSlice) -> BodyEdit {
        let comma = object.members.isEmpty ? "" : ","
        return BodyEdit(range: (brace + 1)..<(brace + 1), replacement: Array((text + comma).utf8))
    }
}
