/// Model names as the tables here know them.
enum ModelName {
    /// The base model of a fine-tuned one (`ft:gpt-4o-2024-08-06:org::id`), without a gateway's prefix (`openai/…`).
    static func bare(_ name: String) -> Substring {
        var bare = name[...]
        if let slash = bare.lastIndex(of: "/") { bare = bare[bare.index(after: slash)...] }
        guard bare.hasPrefix("ft:") else { return bare }
        return bare.dropFirst(3).prefix { $0 != ":" }
    }

    /// Without the date of a snapshot (`-2024-08-06`).
    static func undated(_ name: Substring) -> Substring {
        let digits = name.utf8.suffix(11)
        guard digits.count == 11, name.utf8.count > 11 else { return name }
        for (place, byte) in digits.enumerated() {
            let isDash = place == 0 || place == 5 || place == 8
            guard isDash ? byte == UInt8(ascii: "-") : (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else {
                return name
            }
        }
        return name.dropLast(11)
    }
}
