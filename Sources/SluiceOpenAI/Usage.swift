package import SluiceWire

/// What a response body says besides its content.
package struct ResponseView: Sendable, Equatable {
    package var usage: WireUsage?
    /// The model that answered, which may be a dated snapshot of the one asked for.
    package var model: String?

    /// Validates a whole response body and reads what it reports.
    ///
    /// - Throws: ``JSONFault`` when it is not one JSON value in UTF-8: then it must not be spliced into a frame.
    package static func read(_ bytes: RawSpan) throws(JSONFault) -> ResponseView {
        var reader = JSONReader()
        reader.skipSpace(in: bytes)
        guard reader.kindAhead(in: bytes) == .object else {
            _ = try JSONReader.validate(bytes)
            return ResponseView()
        }
        return ResponseView(try JSONObjectSlice.read(bytes), in: bytes)
    }

    package init(usage: WireUsage? = nil, model: String? = nil) {
        self.usage = usage
        self.model = model
    }

    init(_ object: JSONObjectSlice, in bytes: RawSpan) {
        usage = object.value("usage", in: bytes).flatMap { WireUsage.read($0, in: bytes) }
        model = object.value("model", in: bytes).flatMap { value in
            value.kind == .string && value.range.count <= RequestView.modelSize
                ? JSONText.string(value, in: bytes) : nil
        }
    }
}

extension WireUsage {
    /// Reads a `usage` object in either of OpenAI's shapes: `prompt_tokens`/`completion_tokens` (chat, completions,
    /// embeddings) or `input_tokens`/`output_tokens` (responses, images).
    static func read(_ value: JSONValue, in bytes: RawSpan) -> WireUsage? {
        guard let usage = JSONObjectSlice.read(value, in: bytes) else { return nil }
        guard let input = usage.count("prompt_tokens", "input_tokens", in: bytes) else { return nil }
        // Embeddings have no output; an output that cannot be read makes the whole unknown, not free.
        let hasOutput = usage.given("completion_tokens", "output_tokens", in: bytes) != nil
        let counted = usage.count("completion_tokens", "output_tokens", in: bytes)
        guard let output = counted ?? (hasOutput ? nil : 0) else { return nil }
        let inputDetails = usage.nested("prompt_tokens_details", "input_tokens_details", in: bytes)
        let outputDetails = usage.nested("completion_tokens_details", "output_tokens_details", in: bytes)
        return WireUsage(
            inputTokens: input, outputTokens: output,
            // A part beyond the whole would make the price of the rest negative.
            cachedTokens: inputDetails?.count("cached_tokens", in: bytes).map { min($0, input) },
            reasoningTokens: outputDetails?.count("reasoning_tokens", in: bytes).map { min($0, output) })
    }
}

extension JSONObjectSlice {
    /// The first of the values that is there and not null.
    fileprivate func given(_ key: StaticString, _ other: StaticString?, in bytes: RawSpan) -> JSONValue? {
        if let value = value(key, in: bytes), value.kind != .null { return value }
        return other.flatMap { given($0, nil, in: bytes) }
    }

    fileprivate func count(_ key: StaticString, _ other: StaticString? = nil, in bytes: RawSpan) -> Int? {
        guard let value = given(key, other, in: bytes) else { return nil }
        // A provider's count is untrusted: one that is negative or absurd would wreck the buckets it settles.
        guard let count = JSONText.integer(value, in: bytes), (0...1_000_000_000).contains(count) else { return nil }
        return count
    }

    fileprivate func nested(_ key: StaticString, _ other: StaticString, in bytes: RawSpan) -> JSONObjectSlice? {
        given(key, other, in: bytes).flatMap { JSONObjectSlice.read($0, in: bytes) }
    }
}
