/// Text from outside, made fit for a log line, a status line or a label.
package enum SafeText {
    /// The most bytes of UTF-8 that a label or status line may have.
    package static let maxBytes = 256

    /// One line of at most `maxBytes` bytes of UTF-8, cut at a scalar boundary.
    ///
    /// Control characters, line and paragraph separators and bidirectional controls become `replacement`:
    /// the first could forge log lines, the last could make a name read as another.
    package static func line(
        _ text: some StringProtocol, maxBytes: Int = SafeText.maxBytes, replacement: Unicode.Scalar = "?"
    ) -> String {
        var scalars = String.UnicodeScalarView()
        var room = maxBytes
        for scalar in text.unicodeScalars {
            let safe = isUnsafe(scalar) ? replacement : scalar
            room -= UTF8.width(safe)
            guard room >= 0 else { break }
            scalars.append(safe)
        }
        return String(scalars)
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1F, 0x7F...0x9F: true
        case 0x2028, 0x2029: true
        case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
