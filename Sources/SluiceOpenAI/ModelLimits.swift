/// The most tokens a model writes in one answer.
///
/// Source: the model price table of the litellm package 1.106.2, entries of OpenAI, and for `gpt-4` OpenAI's models
/// page; state of September 2026. A model that is not listed has no known maximum: a wrong cap would reserve too
/// little.
package enum ModelLimits {
    /// - Parameter model: as in a request; a snapshot's date, a fine-tune's `ft:…` and a gateway's prefix are seen
    ///   through.
    /// - Returns: tokens for one choice, or nil where no maximum is known.
    package static func maxOutput(model: String) -> Int? {
        let name = ModelName.bare(model)
        return exact[String(name)] ?? exact[String(ModelName.undated(name))]
    }

    private static let exact: [String: Int] = {
        var table: [String: Int] = [:]
        for (tokens, names) in listed {
            for name in names { table[name] = tokens }
        }
        return table
    }()

    private static let listed: [(tokens: Int, names: [String])] = [
        (1_024, ["computer-use-preview"]),
        (
            4_096,
            [
                "babbage-002", "davinci-002", "gpt-3.5-turbo", "gpt-3.5-turbo-0125", "gpt-3.5-turbo-1106",
                "gpt-3.5-turbo-16k", "gpt-3.5-turbo-instruct", "gpt-4-1106-preview", "gpt-4-turbo",
                "gpt-4o-2024-05-13",
            ]
        ),
        (8_192, ["gpt-4", "gpt-4-0613"]),
        (
            16_384,
            [
                "gpt-4o", "gpt-4o-mini", "gpt-4o-audio-preview", "gpt-4o-mini-audio-preview", "gpt-4o-search-preview",
                "gpt-4o-mini-search-preview", "gpt-5-chat", "gpt-5-chat-latest", "gpt-5.1-chat-latest",
                "gpt-5.2-chat-latest", "gpt-5.3-chat-latest", "gpt-audio", "gpt-audio-1.5", "gpt-audio-mini",
            ]
        ),
        (32_768, ["gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano"]),
        (
            100_000,
            [
                "o1", "o1-pro", "o3", "o3-deep-research", "o3-mini", "o3-pro", "o4-mini", "o4-mini-deep-research",
            ]
        ),
        (
            128_000,
            [
                "gpt-5", "gpt-5-codex", "gpt-5-mini", "gpt-5-nano", "gpt-5-search-api", "gpt-5.1", "gpt-5.1-codex",
                "gpt-5.1-codex-max", "gpt-5.1-codex-mini", "gpt-5.2", "gpt-5.2-codex", "gpt-5.2-pro",
                "gpt-5.3-codex", "gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.4-pro", "gpt-5.5", "gpt-5.5-pro",
                "gpt-5.6", "gpt-5.6-luna", "gpt-5.6-sol", "gpt-5.6-terra", "gpt-6-astra", "gpt-6-luna", "gpt-6-sol",
            ]
        ),
        (272_000, ["gpt-5-pro"]),
    ]
}
