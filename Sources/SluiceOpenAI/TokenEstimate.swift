/// How many tokens a request will count for before anyone has counted them.
package enum TokenEstimate {
    /// English text averages about four characters per token (OpenAI's tokenizer page); JSON punctuation makes
    /// request bodies a little denser in tokens, their keys a little sparser, which about cancels.
    package static let bytesPerToken = 4

    /// Expected output where the caller named no maximum, until usage teaches better.
    package static let defaultOutput = 256

    /// Tokens of the input, at least 1.
    package static func input(bodyBytes: Int) -> Int { max(1, bodyBytes / bytesPerToken) }
}
