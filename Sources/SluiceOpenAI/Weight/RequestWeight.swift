package import SluiceWire

/// What of a request will count as input, before anyone has counted it.
///
/// Tokens = bytes of text × tokens per byte (learned, see `InputCalibration`) + ``fixedTokens``, which OpenAI's rules
/// give without a tokenizer. Base64 data is never text.
package struct RequestWeight: Sendable, Equatable {
    /// Bytes of UTF-8, escapes undone, that the model reads as text: contents, names, descriptions, schemas.
    package var textBytes = 0
    /// Tokens known without a tokenizer: message frames, tools' frames, images, audio, ids of tokens. At most
    /// ``ceiling``.
    package var fixedTokens = 0
    /// Images among the input.
    package var inputImages = 0
    /// Images asked for: what limits of images per minute count. 0 on endpoints that draw none.
    package var outputImages = 0
    /// Answers asked for (`n`, `best_of`): output is written once for each. 1…``maxChoices``.
    package var choices = 1
    /// Whether the provider adds input that this body does not show: an earlier response, a stored prompt, a file, a
    /// built-in tool. Such a call says nothing of tokens per byte.
    package var hasHiddenInput = false

    /// No weight at all: a request without a body.
    package init() {}

    /// The most tokens of any kind that are believed, as in ``RequestView/maxOutputCeiling``.
    package static let ceiling = 1_000_000_000
    /// The most answers that are believed: `n` goes to 128 for chat (OpenAI's API reference).
    package static let maxChoices = 128

    /// Weighs a body in one pass over those members that the model reads. Never fails: what is not understood weighs
    /// as text, and what is not there weighs nothing.
    ///
    /// - Parameter model: decides what an image costs; nil is weighed like `gpt-4o`.
    package static func read(
        _ body: JSONObjectSlice, in bytes: RawSpan, endpoint: Endpoint, model: String?
    ) -> RequestWeight {
        var reader = WeightReader(model: model)
        switch endpoint {
        case .chatCompletions: reader.chat(body, in: bytes)
        case .responses: reader.responses(body, in: bytes)
        case .completions: reader.each(["prompt", "suffix"], of: body, in: bytes)
        case .embeddings, .moderations: reader.each(["input"], of: body, in: bytes)
        case .images: reader.each(["prompt"], of: body, in: bytes)
        case .other: reader.everything(body, in: bytes)
        case .models: break
        }
        var weight = reader.weight
        weight.fixedTokens = min(max(0, weight.fixedTokens), ceiling)
        let choices = choices(body, in: bytes)
        if endpoint == .images { weight.outputImages = choices } else { weight.choices = choices }
        return weight
    }

    private static func choices(_ body: JSONObjectSlice, in bytes: RawSpan) -> Int {
        let asked = ["n", "best_of"].compactMap { (key: StaticString) in
            body.value(key, in: bytes).flatMap { JSONText.integer($0, in: bytes) }
        }
        return min(max(1, asked.max() ?? 1), maxChoices)
    }
}

extension Endpoint {
    /// Whether answers here are written token by token; the others answer with vectors, scores, pictures or lists.
    package var writesTokens: Bool {
        switch self {
        case .chatCompletions, .completions, .responses, .other: true
        case .embeddings, .moderations, .images, .models: false
        }
    }
}
