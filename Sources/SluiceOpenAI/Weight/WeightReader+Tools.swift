import SluiceWire

/// Tools and schemas.
///
/// Constants: OpenAI's cookbook, *How to count tokens with tiktoken*, `num_tokens_for_tools`. It counts flat
/// parameters; nested objects are counted here by the same rule at every level.
extension WeightReader {
    /// A function's frame (`func_init`): 7 for the gpt-4o family and later, 10 for gpt-4 and gpt-3.5, whose three
    /// tokens are not told apart here: calibration absorbs them.
    static let functionTokens = 7
    /// A non-empty list of properties (`prop_init`).
    static let propertyListTokens = 3
    /// A property (`prop_key`).
    static let propertyTokens = 3
    /// An enumeration (`enum_init`): it replaces some of the property's own frame, hence negative.
    static let enumTokens = -3
    /// One value of an enumeration (`enum_item`).
    static let enumItemTokens = 3
    /// The end of the list of functions (`func_end`), once.
    static let functionListTokens = 12

    mutating func tools(_ tools: JSONValue, in bytes: RawSpan) {
        guard tools.kind == .array else { return }
        var skim = JSONSkim(tools)
        var isEmpty = true
        skim.enter()
        while skim.nextElement(in: bytes) {
            isEmpty = false
            tool(&skim, in: bytes)
        }
        if !isEmpty { addFixed(Self.functionListTokens) }
    }

    private mutating func tool(_ skim: inout JSONSkim, in bytes: RawSpan) {
        guard skim.kind(in: bytes) == .object else {
            skim.skip(in: bytes)
            return
        }
        addFixed(Self.functionTokens)
        var isNamed = false
        function(&skim, &isNamed, in: bytes)
        // Built-in tools bring instructions of the provider's own.
        if !isNamed { noteHiddenInput() }
    }

    /// `{"type","function":{…}}` of chat, the inner object alone of responses and of the older `functions`.
    private mutating func function(_ skim: inout JSONSkim, _ isNamed: inout Bool, in bytes: RawSpan) {
        skim.enter()
        while let key = skim.nextKey(in: bytes) {
            let isObject = skim.kind(in: bytes) == .object
            if isObject, bytes.matches(key, "function") {
                function(&skim, &isNamed, in: bytes)
            } else if isObject, bytes.matches(key, "parameters") {
                schema(&skim, isRoot: true, in: bytes)
            } else if bytes.matches(key, "name") {
                isNamed = true
                addText(1)
                value(&skim, in: bytes)
            } else if bytes.matches(key, "description") {
                value(&skim, in: bytes)
            } else {
                skim.skip(in: bytes)
            }
        }
    }

    private mutating func schema(_ skim: inout JSONSkim, isRoot: Bool, in bytes: RawSpan) {
        switch skim.kind(in: bytes) {
        case .object:
            skim.enter()
            while let key = skim.nextKey(in: bytes) { schemaMember(key, &skim, isRoot: isRoot, in: bytes) }
        case .array:
            skim.enter()
            while skim.nextElement(in: bytes) { schema(&skim, isRoot: isRoot, in: bytes) }
        default: skim.skip(in: bytes)
        }
    }

    private mutating func schemaMember(_ key: Range<Int>, _ skim: inout JSONSkim, isRoot: Bool, in bytes: RawSpan) {
        switch SchemaField(key, in: bytes) {
        case .properties where skim.kind(in: bytes) == .object: properties(&skim, in: bytes)
        case .definitions where skim.kind(in: bytes) == .object:
            skim.enter()
            while skim.nextKey(in: bytes) != nil { schema(&skim, isRoot: false, in: bytes) }
        case .choices where skim.kind(in: bytes) == .array: choices(&skim, in: bytes)
        case .nested: schema(&skim, isRoot: false, in: bytes)
        // The root is always an object, and is not said to be one.
        case .words where !isRoot: value(&skim, in: bytes)
        default: skim.skip(in: bytes)
        }
    }

    private mutating func properties(_ skim: inout JSONSkim, in bytes: RawSpan) {
        var isEmpty = true
        skim.enter()
        while let key = skim.nextKey(in: bytes) {
            isEmpty = false
            addFixed(Self.propertyTokens)
            // "name:type:description"
            addText(key.count + 2)
            schema(&skim, isRoot: false, in: bytes)
        }
        if !isEmpty { addFixed(Self.propertyListTokens) }
    }

    private mutating func choices(_ skim: inout JSONSkim, in bytes: RawSpan) {
        addFixed(Self.enumTokens)
        skim.enter()
        while skim.nextElement(in: bytes) {
            addFixed(Self.enumItemTokens)
            if skim.kind(in: bytes) == .string {
                addText(skim.string(in: bytes).textBytes)
            } else {
                addText(skim.skip(in: bytes))
            }
        }
    }

    /// `response_format` of chat or `text` of responses: the schema goes to the model as JSON text under its name, as
    /// OpenAI's *Harmony response format* shows it.
    mutating func answerFormat(_ format: JSONValue, in bytes: RawSpan) {
        var skim = JSONSkim(format)
        answerFormat(&skim, in: bytes)
    }

    private mutating func answerFormat(_ skim: inout JSONSkim, in bytes: RawSpan) {
        skim.enter()
        while let key = skim.nextKey(in: bytes) {
            if bytes.matches(key, "schema") {
                addText(skim.skip(in: bytes))
            } else if bytes.matches(key, "name") || bytes.matches(key, "description") {
                value(&skim, in: bytes)
            } else if skim.kind(in: bytes) == .object, bytes.matches(key, "json_schema") || bytes.matches(key, "format")
            {
                answerFormat(&skim, in: bytes)
            } else {
                skim.skip(in: bytes)
            }
        }
    }
}

/// What a member of a JSON schema is to its weight.
private enum SchemaField {
    case properties, choices
    /// Schemas by name.
    case definitions
    /// A schema, or an array of them.
    case nested
    /// What the model reads as it stands.
    case words
    /// Constraints, which it does not read.
    case other

    init(_ key: Range<Int>, in bytes: RawSpan) {
        self =
            switch key.count {
            case 4 where bytes.matches(key, "type"), 11 where bytes.matches(key, "description"): .words
            case 4 where bytes.matches(key, "enum"): .choices
            case 10 where bytes.matches(key, "properties"): .properties
            case 5 where bytes.matches(key, "$defs"), 11 where bytes.matches(key, "definitions"): .definitions
            case 5
            where bytes.matches(key, "items") || bytes.matches(key, "anyOf") || bytes.matches(key, "oneOf")
                || bytes.matches(key, "allOf"),
                20 where bytes.matches(key, "additionalProperties"):
                .nested
            default: .other
            }
    }
}
