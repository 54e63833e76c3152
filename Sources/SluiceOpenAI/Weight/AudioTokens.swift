import SluiceWire

/// Tokens of audio in a user's message: one for 100 ms (OpenAI, *Managing costs* of the Realtime API).
enum AudioTokens {
    static let perSecond = 10
    /// Where the header tells no rate: 128 kbit/s, a usual MP3.
    private static let assumedBytesPerSecond = 16_000

    static func estimate(_ data: SkimmedString, in bytes: RawSpan) -> Int {
        let text = Base64Text(data.range)
        return max(1, text.byteCount * perSecond / (waveRate(text, in: bytes) ?? assumedBytesPerSecond))
    }

    /// The byte rate in the header of a RIFF/WAVE file.
    private static func waveRate(_ text: Base64Text, in bytes: RawSpan) -> Int? {
        guard text.bigEndian(0, 4, in: bytes) == 0x5249_4646, text.bigEndian(8, 4, in: bytes) == 0x5741_5645,
            let rate = text.littleEndian(28, 4, in: bytes), (1_000...1_000_000).contains(rate)
        else { return nil }
        return rate
    }
}
