/// Reads the members of a request object with OpenAI's complaints about what is missing or of the wrong type.
struct Fields {
    let object: JSONObject
    /// What stands before a member's name in a complaint, such as `messages[0].`.
    let prefix: String

    init(_ object: JSONObject, prefix: String = "") {
        self.object = object
        self.prefix = prefix
    }

    func path(_ name: String) -> String { prefix + name }

    func required(_ name: String) throws(APIError) -> JSONValue {
        guard let value = object.present(name) else { throw .missing(path(name)) }
        return value
    }

    func string(_ name: String) throws(APIError) -> String? {
        guard let value = object.present(name) else { return nil }
        guard let text = value.stringValue else { throw .wrongType(path(name), expected: "a string") }
        return text
    }

    func requiredString(_ name: String) throws(APIError) -> String {
        _ = try required(name)
        return try string(name) ?? ""
    }

    func bool(_ name: String) throws(APIError) -> Bool? {
        guard let value = object.present(name) else { return nil }
        guard let flag = value.boolValue else { throw .wrongType(path(name), expected: "a boolean") }
        return flag
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let value = object.present(name) else { return nil }
        guard let number = value.intValue else { throw .wrongType(path(name), expected: "an integer") }
        guard range.contains(number) else {
            let code = number < range.lowerBound ? "integer_below_min_value" : "integer_above_max_value"
            throw .invalid(
                code,
                "Invalid '\(path(name))': expected \(range.lowerBound) to \(range.upperBound), got \(number).",
                param: path(name))
        }
        return number
    }

    func number(_ name: String, in range: ClosedRange<Double>) throws(APIError) -> Double? {
        guard let value = object.present(name) else { return nil }
        guard let number = value.doubleValue else { throw .wrongType(path(name), expected: "a number") }
        guard range.contains(number) else {
            throw .wrongValue(path(name), "expected \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func array(_ name: String) throws(APIError) -> [JSONValue]? {
        guard let value = object.present(name) else { return nil }
        guard let elements = value.arrayValue else { throw .wrongType(path(name), expected: "an array") }
        return elements
    }

    func fields(_ name: String) throws(APIError) -> Fields? {
        guard let value = object.present(name) else { return nil }
        guard let inner = value.objectValue else { throw .wrongType(path(name), expected: "an object") }
        return Fields(inner, prefix: path(name) + ".")
    }
}

/// What of a prompt matters to the stand-in.
struct PromptView: Sendable {
    /// Estimated tokens.
    private(set) var tokens = 0
    /// A hash of all text, the seed of what is generated.
    private(set) var hash = FNV1a()
    /// The text of the last user message; it may ask for a tool by name.
    var lastUserText = ""
    /// The last turn is a tool's result, so that the answer is text.
    var endsWithToolResult = false

    mutating func add(_ text: String, overhead: Int = 0) {
        tokens += TextGenerator.tokenCount(bytes: text.utf8.count) + overhead
        hash.combine(text.utf8)
        hash.combine(UInt64(text.utf8.count))
    }

    /// Adds something that has no text, such as an image.
    mutating func addTokens(_ count: Int) {
        tokens += count
        hash.combine(UInt64(count))
    }

    /// Adds one token given by its number.
    mutating func addToken(_ number: Int) {
        tokens += 1
        hash.combine(UInt64(bitPattern: Int64(number)))
    }
}
