import SluiceWire

/// Collects a request's weight while going over its members.
///
/// The frames around messages are those of OpenAI's cookbook, *How to count tokens with tiktoken*,
/// `num_tokens_from_messages`: 3 tokens a message, 1 for a name, 3 that prime the reply. The role's own token is
/// counted as 1.
struct WeightReader {
    private(set) var weight = RequestWeight()
    private let model: String?
    /// Found with the first image: most requests have none.
    private var imageRule: ImageTokenRule?

    static let tokensPerMessage = 3
    static let tokensPerRole = 1
    static let tokensPerName = 1
    static let replyTokens = 3

    init(model: String?) { self.model = model }

    mutating func addText(_ bytes: Int) { weight.textBytes += bytes }
    mutating func addFixed(_ tokens: Int) { weight.fixedTokens += tokens }
    mutating func noteHiddenInput() { weight.hasHiddenInput = true }

    mutating func addImage(_ part: ImagePart, in bytes: RawSpan) {
        let rule = imageRule ?? ImageTokenRule.of(model: model)
        imageRule = rule
        let size = part.url.flatMap { ImageSize.ofDataURL($0, in: bytes) }
        weight.inputImages += 1
        weight.fixedTokens += rule.tokens(size ?? .assumed, part.detail)
    }
}

// MARK: - Endpoints

extension WeightReader {
    mutating func chat(_ body: JSONObjectSlice, in bytes: RawSpan) {
        if let messages = body.value("messages", in: bytes) {
            var skim = JSONSkim(messages)
            self.messages(&skim, in: bytes)
        }
        if let tools = body.value("tools", in: bytes) ?? body.value("functions", in: bytes) {
            self.tools(tools, in: bytes)
        }
        if let format = body.value("response_format", in: bytes), format.kind == .object {
            answerFormat(format, in: bytes)
        }
    }

    mutating func responses(_ body: JSONObjectSlice, in bytes: RawSpan) {
        if let instructions = body.value("instructions", in: bytes), instructions.kind == .string {
            var skim = JSONSkim(instructions)
            frame()
            value(&skim, in: bytes)
        }
        if let input = body.value("input", in: bytes) {
            var skim = JSONSkim(input)
            messages(&skim, in: bytes)
        }
        if let tools = body.value("tools", in: bytes) { self.tools(tools, in: bytes) }
        if let format = body.value("text", in: bytes), format.kind == .object { answerFormat(format, in: bytes) }
        for key in ["previous_response_id", "conversation", "prompt"] as [StaticString] {
            if let value = body.value(key, in: bytes), value.kind != .null { noteHiddenInput() }
        }
    }

    /// Members that hold a text, several texts, or ids of tokens.
    mutating func each(_ keys: [StaticString], of body: JSONObjectSlice, in bytes: RawSpan) {
        for key in keys {
            guard let member = body.value(key, in: bytes) else { continue }
            var skim = JSONSkim(member)
            batch(&skim, in: bytes)
        }
    }

    /// A body of an unknown shape: all of its strings.
    mutating func everything(_ body: JSONObjectSlice, in bytes: RawSpan) {
        for member in body.members {
            var skim = JSONSkim(member.value)
            value(&skim, in: bytes)
        }
    }
}

// MARK: - Shapes

extension WeightReader {
    private mutating func frame() { addFixed(Self.tokensPerMessage + Self.tokensPerRole) }

    private mutating func messages(_ skim: inout JSONSkim, in bytes: RawSpan) {
        addFixed(Self.replyTokens)
        guard skim.kind(in: bytes) == .array else {
            frame()
            return value(&skim, in: bytes)
        }
        skim.enter()
        while skim.nextElement(in: bytes) {
            frame()
            value(&skim, in: bytes)
        }
    }

    /// A number inside is a token's id, as embeddings and completions take them: it is exactly one token.
    private mutating func batch(_ skim: inout JSONSkim, in bytes: RawSpan) {
        switch skim.kind(in: bytes) {
        case .array:
            skim.enter()
            while skim.nextElement(in: bytes) { batch(&skim, in: bytes) }
        case .number:
            addFixed(1)
            skim.skip(in: bytes)
        default: value(&skim, in: bytes)
        }
    }

    /// Any value of a message; recursion ends at the nesting that validation allows.
    mutating func value(_ skim: inout JSONSkim, in bytes: RawSpan) {
        switch skim.kind(in: bytes) {
        case .string: addText(skim.string(in: bytes).textBytes)
        case .array:
            skim.enter()
            while skim.nextElement(in: bytes) { value(&skim, in: bytes) }
        case .object: object(&skim, in: bytes)
        default: skim.skip(in: bytes)
        }
    }

    private mutating func object(_ skim: inout JSONSkim, in bytes: RawSpan) {
        var image = ImagePart()
        skim.enter()
        while let key = skim.nextKey(in: bytes) {
            switch PartField(key, in: bytes) {
            case .structure: skim.skip(in: bytes)
            case .type: image.noteType(&skim, in: bytes)
            case .detail: image.noteDetail(&skim, in: bytes)
            case .imageURL: image.noteURL(&skim, in: bytes)
            case .audio: audio(&skim, in: bytes)
            case .file:
                noteHiddenInput()
                skim.skip(in: bytes)
            case .name:
                addFixed(Self.tokensPerName)
                value(&skim, in: bytes)
            case .text: value(&skim, in: bytes)
            }
        }
        if image.isPresent { addImage(image, in: bytes) }
    }

    private mutating func audio(_ skim: inout JSONSkim, in bytes: RawSpan) {
        guard skim.kind(in: bytes) == .object else {
            skim.skip(in: bytes)
            return
        }
        skim.enter()
        while let key = skim.nextKey(in: bytes) {
            if bytes.matches(key, "data"), skim.kind(in: bytes) == .string {
                addFixed(AudioTokens.estimate(skim.string(in: bytes), in: bytes))
            } else {
                skim.skip(in: bytes)
            }
        }
    }
}

/// What a member of a message, or of a part of one, is to its weight.
private enum PartField {
    /// Read by the provider, not by the model.
    case structure
    case type, detail, imageURL, audio
    /// Content whose tokens this body cannot tell.
    case file
    case name
    /// Everything else, unknown members included.
    case text

    init(_ key: Range<Int>, in bytes: RawSpan) {
        self =
            switch key.count {
            case 2 where bytes.matches(key, "id"): .structure
            case 4 where bytes.matches(key, "role"): .structure
            case 4 where bytes.matches(key, "type"): .type
            case 4 where bytes.matches(key, "name"): .name
            case 4 where bytes.matches(key, "file"): .file
            case 6 where bytes.matches(key, "detail"): .detail
            case 6 where bytes.matches(key, "status"): .structure
            case 7 where bytes.matches(key, "call_id"): .structure
            case 7 where bytes.matches(key, "file_id"), 8 where bytes.matches(key, "file_url"): .file
            case 8 where bytes.matches(key, "filename"): .structure
            case 9 where bytes.matches(key, "image_url"): .imageURL
            case 9 where bytes.matches(key, "file_data"): .file
            case 11 where bytes.matches(key, "input_audio"): .audio
            case 12 where bytes.matches(key, "tool_call_id"): .structure
            case 17 where bytes.matches(key, "encrypted_content"): .file
            default: .text
            }
    }
}
