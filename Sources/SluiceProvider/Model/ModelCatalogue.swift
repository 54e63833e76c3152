/// One model that the stand-in plays.
package struct ModelInfo: Sendable, Equatable {
    /// Its name, as in `model`.
    package var name: String
    /// Most tokens of prompt and output together.
    package var contextWindow: Int
    /// Most output tokens of one call.
    package var maxOutputTokens: Int
    /// Length of its embedding vectors, where it makes any.
    package var dimensions: Int

    /// A model; the defaults are a mid-size chat model's.
    package init(name: String, contextWindow: Int = 128_000, maxOutputTokens: Int = 16_384, dimensions: Int = 1536) {
        self.name = name
        self.contextWindow = contextWindow
        self.maxOutputTokens = maxOutputTokens
        self.dimensions = dimensions
    }

    /// What the stand-in knows unless told otherwise.
    package static let defaults: [ModelInfo] = [
        ModelInfo(name: "gpt-4o"),
        ModelInfo(name: "gpt-4o-mini"),
        ModelInfo(name: "gpt-4.1", contextWindow: 1_047_576, maxOutputTokens: 32_768),
        ModelInfo(name: "gpt-4.1-mini", contextWindow: 1_047_576, maxOutputTokens: 32_768),
        ModelInfo(name: "gpt-4.1-nano", contextWindow: 1_047_576, maxOutputTokens: 32_768),
        ModelInfo(name: "gpt-5", contextWindow: 400_000, maxOutputTokens: 128_000),
        ModelInfo(name: "gpt-5-mini", contextWindow: 400_000, maxOutputTokens: 128_000),
        ModelInfo(name: "gpt-5-nano", contextWindow: 400_000, maxOutputTokens: 128_000),
        ModelInfo(name: "o3", contextWindow: 200_000, maxOutputTokens: 100_000),
        ModelInfo(name: "o4-mini", contextWindow: 200_000, maxOutputTokens: 100_000),
        ModelInfo(name: "gpt-4", contextWindow: 8192, maxOutputTokens: 8192),
        ModelInfo(name: "gpt-3.5-turbo", contextWindow: 16_385, maxOutputTokens: 4096),
        ModelInfo(name: "gpt-3.5-turbo-instruct", contextWindow: 4096, maxOutputTokens: 4096),
        ModelInfo(name: "text-embedding-3-small", contextWindow: 8192),
        ModelInfo(name: "text-embedding-3-large", contextWindow: 8192, dimensions: 3072),
        ModelInfo(name: "text-embedding-ada-002", contextWindow: 8192),
        ModelInfo(name: "omni-moderation-latest", contextWindow: 32_768),
    ]
}

/// The models by name. A dated snapshot (`gpt-4o-2024-08-06`) and a fine-tune (`ft:gpt-4o:org::id`) are taken for
/// their base model.
struct ModelCatalogue: Sendable {
    let models: [ModelInfo]
    private let byName: [String: ModelInfo]

    init(_ models: [ModelInfo]) {
        self.models = models
        byName = Dictionary(models.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    }

    func find(_ name: String) -> ModelInfo? {
        if let model = byName[name] { return model }
        if name.hasPrefix("ft:") {
            return name.split(separator: ":").dropFirst().first.flatMap { find(String($0)) }
        }
        guard let base = Self.withoutDate(name) else { return nil }
        return byName[base]
    }

    /// The name before a `-YYYY-MM-DD`.
    private static func withoutDate(_ name: String) -> String? {
        let date = name.utf8.suffix(11)
        guard date.count == 11, name.utf8.count > 11 else { return nil }
        let isDate = zip(date, "-0000-00-00".utf8).allSatisfy { byte, form in
            form == UInt8(ascii: "-") ? byte == form : (0x30...0x39).contains(byte)
        }
        return isDate ? String(decoding: name.utf8.dropLast(11), as: UTF8.self) : nil
    }
}
