/// Answers `POST /v1/embeddings`: unit vectors that depend on nothing but the input and the seed.
struct EmbeddingsEndpoint {
    /// Most inputs of one call.
    private static let maxInputs = 2048

    private let inputs: [PromptView]
    private let dimensions: Int?
    private let isBase64: Bool

    /// Most numbers of one answer.
    private static let maxNumbers = 1 << 22

    /// Estimated tokens of all inputs.
    var tokens: Int { inputs.reduce(0) { $0 + $1.tokens } }
    /// Tokens of the longest input, which the model's window limits.
    var longest: Int { inputs.map(\.tokens).max() ?? 0 }

    init(_ body: JSONObject) throws(APIError) {
        let fields = Fields(body)
        inputs = try Self.inputs(try fields.required("input"))
        dimensions = try fields.integer("dimensions", in: 1...4096)
        guard inputs.count * (dimensions ?? 1536) <= Self.maxNumbers else {
            throw .wrongValue("input", "too many inputs for vectors of that length")
        }
        switch try fields.string("encoding_format") {
        case nil, "float": isBase64 = false
        case "base64": isBase64 = true
        default: throw .wrongValue("encoding_format", "expected float or base64")
        }
    }

    /// A text, texts, a token list or token lists.
    private static func inputs(_ value: JSONValue) throws(APIError) -> [PromptView] {
        guard let elements = value.arrayValue else { return [try view(value)] }
        guard !elements.isEmpty else { throw .wrongValue("input", "it is empty") }
        if elements[0].intValue != nil { return [try view(value)] }
        guard elements.count <= maxInputs else { throw .wrongValue("input", "at most \(maxInputs) inputs") }
        var views: [PromptView] = []
        for element in elements { views.append(try view(element)) }
        return views
    }

    private static func view(_ value: JSONValue) throws(APIError) -> PromptView {
        var view = PromptView()
        if let text = value.stringValue, !text.isEmpty {
            view.add(text)
        } else if let tokens = value.arrayValue, !tokens.isEmpty {
            for token in tokens {
                guard let number = token.intValue, number >= 0 else {
                    throw .wrongType("input", expected: "text or tokens")
                }
                view.addToken(number)
            }
        } else {
            throw .wrongType("input", expected: "text or tokens, and not empty")
        }
        return view
    }

    func answer(_ context: CallContext) -> Answer {
        let data = inputs.enumerated().map { index, input -> JSONValue in
            ["object": "embedding", "index": .int(index), "embedding": embedding(input, context)]
        }
        let usage: JSONValue = ["prompt_tokens": .int(tokens), "total_tokens": .int(tokens)]
        let body: JSONValue = [
            "object": "list", "data": .array(data), "model": .string(context.model), "usage": usage,
        ]
        return .plain(body, outputTokens: 0)
    }

    private func embedding(_ input: PromptView, _ context: CallContext) -> JSONValue {
        var mix = input.hash
        mix.combine(context.seed)
        var random = SplitMix64(seed: mix.value)
        var vector = (0..<(dimensions ?? context.info.dimensions)).map { _ in Float(random.unit() * 2 - 1) }
        let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        for index in vector.indices { vector[index] /= max(length, .leastNormalMagnitude) }
        guard isBase64 else { return .array(vector.map { .number(Double("\($0)") ?? 0) }) }
        let bytes = vector.flatMap { value in
            (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> UInt32(8 * $0)) }
        }
        return .string(Base64.encode(bytes))
    }
}

/// Base 64 (RFC 4648 §4), with padding.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var word: UInt32 = 0
            for byte in group { word = word << 8 | UInt32(byte) }
            word <<= UInt32(8 * (3 - group.count))
            for position in 0..<4 {
                let digit = alphabet[Int(word >> UInt32(18 - 6 * position) & 63)]
                output.append(position <= group.count ? digit : UInt8(ascii: "="))
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
