/// The stand-in's prose: words in no order, one word a token, the same for the same seed.
///
/// Now and then a word is not ASCII, so that whoever splits streams at bytes finds out.
enum TextGenerator {
    private static let words = [
        "water", "gate", "level", "flow", "stone", "river", "north", "quiet", "morning", "boat", "lock", "canal",
        "bridge", "wind", "mill", "keeper", "slow", "steady", "rises", "falls", "opens", "closes", "waits", "turns",
        "under", "over", "along", "before", "after", "until", "the", "a", "and", "of", "with", "by", "every", "no",
        "café", "naïve", "größer", "水門", "→", "🚰",
    ]

    /// `count` tokens; joined they read as one line.
    static func tokens(_ count: Int, _ random: inout SplitMix64) -> [String] {
        var output: [String] = []
        output.reserveCapacity(count)
        for position in 0..<count {
            let word = words[random.index(below: words.count)]
            output.append(position == 0 ? word : " " + word)
        }
        return output
    }

    /// Cuts given text (generated JSON, tool arguments) into tokens of up to four characters.
    static func tokens(of text: String) -> [String] {
        var output: [String] = []
        var rest = text[...]
        while !rest.isEmpty {
            output.append(String(rest.prefix(4)))
            rest = rest.dropFirst(4)
        }
        return output
    }

    /// The stand-in's measure of a prompt: four bytes a token, rounded up.
    static func tokenCount(bytes: Int) -> Int {
        (bytes + 3) / 4
    }
}
