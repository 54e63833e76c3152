import SluiceOpenAI
import SluiceWire

/// The JSON reader against the reference validator, and everything that reads its slices.
struct JSONTarget: FuzzTarget {
    private let mutator = Mutator(corpus: Corpus.json + Corpus.payloads, tokens: Corpus.jsonTokens)

    func make(_ random: inout Random) -> [UInt8] { mutator.make(&random) }

    func run(_ input: [UInt8], _ random: inout Random) throws(Violation) -> Bool {
        let bytes = input.span.bytes
        let value = try? JSONReader.validate(bytes)
        try require((value != nil) == ReferenceJSON.accepts(input), "reader and reference agree")
        try require(((try? ResponseView.read(bytes)) != nil) == (value != nil), "the response view takes all JSON")
        let slice = try? JSONObjectSlice.read(bytes)
        try require((slice != nil) == (value?.kind == .object), "the object slice takes all objects")
        try provider(input, &random)
        guard let value else { return false }
        try scalar(value, input)
        if let slice { try object(slice, input) }
        return true
    }

    private func object(_ slice: JSONObjectSlice, _ input: [UInt8]) throws(Violation) {
        let bytes = input.span.bytes
        var last = slice.range.lowerBound
        for member in slice.members {
            try require(member.keyStart > last && member.keyEnd >= member.keyStart, "members in order")
            try require(member.value.start > member.keyEnd, "value after key")
            last = member.value.end
            try scalar(member.value, input)
            try key(member, input)
            guard let inner = JSONObjectSlice.read(member.value, in: bytes) else { continue }
            for nested in inner.members { try scalar(nested.value, input) }
        }
        try require(last < slice.range.upperBound, "members inside the object")
        try request(slice, input)
    }

    private func key(_ member: JSONMember, _ input: [UInt8]) throws(Violation) {
        let bytes = input.span.bytes
        let range = member.keyStart..<member.keyEnd
        let text = JSONText.string(range, hasEscape: member.keyHasEscape, in: bytes)
        for name in ["a", "model", "usage", "op"] as [StaticString] {
            let same = JSONObjectSlice.key(of: member, in: bytes, is: name)
            try require(same == (text == "\(name)"), "key comparison agrees with decoding")
        }
    }

    /// A slice stands for itself: alone it reads the same, and its text survives a round trip through the writer.
    private func scalar(_ value: JSONValue, _ input: [UInt8]) throws(Violation) {
        let bytes = input.span.bytes
        let alone = try? JSONReader.validate(bytes.extracting(value.range))
        try require(alone?.kind == value.kind && alone?.hasEscape == value.hasEscape, "a slice is a value alone")
        if value.kind == .number {
            let text = String(decoding: input[value.range], as: UTF8.self)
            let plain = text.utf8.dropFirst().allSatisfy { $0 >= 0x30 && $0 <= 0x39 } && text != "-"
            let expected = plain ? Int(text) : nil
            try require(JSONText.integer(value, in: bytes) == expected || expected == .min, "integer of \(text)")
        }
        guard value.kind == .string, let text = JSONText.string(value, in: bytes) else { return }
        var writer = FrameWriter()
        writer.pong(id: text)
        let frame = Array(writer.bytes[WireLimits.headerSize...])
        let back = try? JSONObjectSlice.read(frame.span.bytes)
        let id = back?.value("id", in: frame.span.bytes)
        let read = id.flatMap { JSONText.string($0, in: frame.span.bytes) }
        try require(read.map { Array($0.utf8) } == Array(text.utf8), "a text survives writer and reader")
    }

    private func request(_ slice: JSONObjectSlice, _ input: [UInt8]) throws(Violation) {
        let bytes = input.span.bytes
        for endpoint in [Endpoint.chatCompletions, .responses] {
            guard let view = try? RequestView.read(slice, in: bytes, endpoint: endpoint) else { continue }
            try require((0...RequestView.maxOutputCeiling).contains(view.maxOutputTokens ?? 0), "output in range")
        }
        guard let edit = BodyEdit.includeUsage(slice, in: bytes) else { return }
        var edited = input
        edited.replaceSubrange(edit.range, with: edit.replacement)
        let again = try? JSONObjectSlice.read(edited.span.bytes)
        try require(again != nil && ReferenceJSON.accepts(edited), "an edited body is JSON")
        guard let again, !again.isTruncated else { return }
        try require(BodyEdit.includeUsage(again, in: edited.span.bytes) == nil, "an edit is enough")
    }

    private func provider(_ input: [UInt8], _ random: inout Random) throws(Violation) {
        let status = random.pick([400, 401, 403, 429, 500, 503, 200, 0])
        let verdict = ProviderVerdict.judge(status: status, body: input)
        try require(verdict.reason.map { $0.utf8.count <= 64 } ?? true, "a reason is short")
        let error = ProviderError.read(input)
        guard let shown = error.shown(status: status) else { return }
        try require(ReferenceJSON.accepts(shown), "a shown error is JSON")
        if status == 401 || status == 403 { try require(shown.count < 200, "an authentication error is reduced") }
    }
}
