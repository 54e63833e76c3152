import Testing

@testable import SluiceHost

@Suite("Text from outside")
struct SafeTextTests {
    @Test("Control characters, separators and direction overrides are replaced")
    func replacesUnsafe() {
        #expect(SafeText.line("a\nb\u{1B}[2Jc\u{7F}d\u{85}e\u{2028}f\u{202E}g") == "a?b?[2Jc?d?e?f?g")
        #expect(SafeText.line("one\r\ntwo", replacement: " ") == "one  two")
    }

    @Test("The cut falls between scalars and within the bound")
    func cutsAtScalars() {
        let text = SafeText.line(String(repeating: "ä", count: 200))
        #expect(text == String(repeating: "ä", count: 128))
        #expect(SafeText.line("a" + String(repeating: "€", count: 100), maxBytes: 6).utf8.count == 4)
        #expect(SafeText.line("plain") == "plain")
    }
}
