internal import FoundationEssentials

/// One line of newline-delimited JSON, member by member in the order given.
struct JSONLine {
    private var text = "{"

    init(event: String) { member("event", event) }

    mutating func member(_ key: String, _ value: String?) {
        guard let value, let data = try? JSONEncoder().encode(value) else { return }
        member(key, json: Array(data))
    }

    mutating func member(_ key: String, _ value: Int?) {
        if let value { member(key, json: Array(String(value).utf8)) }
    }

    mutating func member(_ key: String, _ value: Bool) { member(key, json: Array(String(value).utf8)) }

    /// Whole milliseconds, rounded down.
    mutating func member(_ key: String, _ value: Duration?) {
        if let value { member(key, Int(value / .milliseconds(1))) }
    }

    /// A value that is JSON already; a line break in it, which only white space can be, becomes a space.
    mutating func member(_ key: String, json: [UInt8]?) {
        guard let json else { return }
        if text.utf8.count > 1 { text += "," }
        let oneLine = json.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
        text += "\"\(key)\":" + String(decoding: oneLine, as: UTF8.self)
    }

    mutating func member(_ key: String, _ object: JSONLine) { member(key, json: Array((object.text + "}").utf8)) }

    /// An object to be nested: no event in front.
    static var object: JSONLine {
        var line = JSONLine(event: "")
        line.text = "{"
        return line
    }

    var line: String { text + "}\n" }
}
