import SluiceWire

/// What was read of an image part, in either shape: `{"image_url":{"url","detail"}}` of chat, or
/// `{"type":"input_image","image_url","detail"}` of responses.
struct ImagePart {
    private(set) var isPresent = false
    private(set) var url: SkimmedString?
    private(set) var detail = ImageDetail.auto

    mutating func noteType(_ skim: inout JSONSkim, in bytes: RawSpan) {
        guard skim.kind(in: bytes) == .string else {
            skim.skip(in: bytes)
            return
        }
        // An image named by a file's id has no URL.
        if bytes.matches(skim.string(in: bytes).range, "input_image") { isPresent = true }
    }

    mutating func noteDetail(_ skim: inout JSONSkim, in bytes: RawSpan) {
        guard skim.kind(in: bytes) == .string else {
            skim.skip(in: bytes)
            return
        }
        detail = ImageDetail(skim.string(in: bytes).range, in: bytes)
    }

    mutating func noteURL(_ skim: inout JSONSkim, in bytes: RawSpan) {
        isPresent = true
        switch skim.kind(in: bytes) {
        case .string: url = skim.string(in: bytes)
        case .object:
            skim.enter()
            while let key = skim.nextKey(in: bytes) {
                if bytes.matches(key, "url"), skim.kind(in: bytes) == .string {
                    url = skim.string(in: bytes)
                } else if bytes.matches(key, "detail") {
                    noteDetail(&skim, in: bytes)
                } else {
                    skim.skip(in: bytes)
                }
            }
        default: skim.skip(in: bytes)
        }
    }
}

/// How closely a model is to look at an image; ``auto`` where nothing, or nothing known, is said.
enum ImageDetail: Sendable {
    case low, high, original, auto

    init(_ text: Range<Int>, in bytes: RawSpan) {
        self =
            switch text.count {
            case 3 where bytes.matches(text, "low"): .low
            case 4 where bytes.matches(text, "high"): .high
            case 8 where bytes.matches(text, "original"): .original
            default: .auto
            }
    }
}
