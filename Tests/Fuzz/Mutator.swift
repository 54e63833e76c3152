/// Changes a text the way broken and hostile peers do: damaged bits, lost and repeated pieces, pieces of other texts,
/// tokens in the wrong place, deep nesting, broken UTF-8.
struct Mutator {
    let corpus: [[UInt8]]
    let tokens: [[UInt8]]
    /// Bytes after which an input is cut.
    static let maxSize = 4096

    static let badUTF8: [[UInt8]] = [
        [0x80], [0xFF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xE0, 0x80, 0x80], [0xE0, 0xA0], [0xED, 0xA0, 0x80],
        [0xED, 0xBF, 0xBF], [0xEF, 0xBB, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x90, 0x80], [0xF4, 0x90, 0x80, 0x80],
        [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x28, 0xA1], [0xC3, 0xA9], [0xE2, 0x82, 0xAC], [0xF0, 0x9D, 0x84, 0x9E],
    ]

    /// A text of the corpus after a few changes; one in eight stays as it is.
    func make(_ random: inout Random) -> [UInt8] {
        var text = random.pick(corpus)
        let changes = random.oneIn(8) ? 0 : 1 + random.below(random.oneIn(4) ? 12 : 3)
        for _ in 0..<changes { change(&text, &random) }
        if text.count > Self.maxSize { text.removeSubrange(Self.maxSize...) }
        return text
    }

    private func change(_ text: inout [UInt8], _ random: inout Random) {
        let place = random.below(text.count + 1)
        switch random.below(12) {
        case 0 where !text.isEmpty: text[random.below(text.count)] ^= 1 << UInt8(random.below(8))
        case 1 where !text.isEmpty: text[random.below(text.count)] = UInt8(truncatingIfNeeded: random.next())
        case 2: text.removeSubrange(random.range(in: text.count))
        case 3: text.insert(contentsOf: Array(text[random.range(in: text.count)]), at: place)
        case 4:
            let other = random.pick(corpus)
            text.insert(contentsOf: other[random.range(in: other.count)], at: place)
        case 5: text.insert(contentsOf: random.pick(Self.badUTF8), at: place)
        case 6: nest(&text, &random)
        case 7 where random.oneIn(3): text.removeSubrange(place...)
        case 8: replaceNumber(&text, with: random.pick(tokens))
        default: text.insert(contentsOf: random.pick(tokens), at: place)
        }
    }

    /// Wraps a piece in brackets, sometimes in so many that the depth bound is near.
    private func nest(_ text: inout [UInt8], _ random: inout Random) {
        let levels = random.oneIn(3) ? 120 + random.below(16) : 1 + random.below(3)
        let object = random.oneIn(2)
        let opening = Array((object ? #"{"a":"# : "[").utf8)
        let range = random.range(in: text.count)
        let closing = [UInt8](repeating: object ? UInt8(ascii: "}") : UInt8(ascii: "]"), count: levels)
        text.insert(contentsOf: closing, at: range.upperBound)
        text.insert(contentsOf: [[UInt8]](repeating: opening, count: levels).joined(), at: range.lowerBound)
    }

    private func replaceNumber(_ text: inout [UInt8], with token: [UInt8]) {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let start = text.firstIndex(where: { digits.contains($0) }) else { return }
        let end = text[start...].firstIndex { !digits.contains($0) } ?? text.count
        text.replaceSubrange(start..<end, with: token)
    }
}
