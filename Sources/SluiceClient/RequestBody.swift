internal import FoundationEssentials
internal import SluiceWire

/// A request body that is known to be one JSON object, so that it can stand inside a frame as it is.
struct RequestBody: Sendable {
    let bytes: [UInt8]

    /// A plain call's body, untouched.
    static func plain(_ bytes: [UInt8]) throws(SluiceError) -> RequestBody {
        if try streamFlag(bytes).flag == .true {
            throw SluiceError(
                .callerInvalidField, "body.stream is true; use stream(_:…) for streamed calls", field: "body.stream")
        }
        return RequestBody(bytes: bytes)
    }

    /// A streamed call's body: `"stream":true` goes in front when the program did not say.
    static func streamed(_ bytes: [UInt8]) throws(SluiceError) -> RequestBody {
        let (flag, start, isEmpty) = try streamFlag(bytes)
        switch flag {
        case .true: return RequestBody(bytes: bytes)
        case nil:
            let insertion = Array("\"stream\":true\(isEmpty ? "" : ",")".utf8)
            return RequestBody(bytes: bytes[...start] + insertion + bytes[(start + 1)...])
        default:
            throw SluiceError(
                .callerInvalidField, "body.stream is not true; use call(_:…) for plain calls", field: "body.stream")
        }
    }

    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        // Sorted, so that equal values are equal bytes: the provider's prompt cache goes by them.
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return try [UInt8](encoder.encode(value))
    }

    private static func streamFlag(
        _ bytes: [UInt8]
    ) throws(SluiceError) -> (flag: JSONKind?, start: Int, isEmpty: Bool) {
        do {
            let span = bytes.span.bytes
            let object = try JSONObjectSlice.read(span)
            return (object.value("stream", in: span)?.kind, object.range.lowerBound, object.members.isEmpty)
        } catch {
            throw SluiceError(
                .callerInvalidJSON, "the body is not one JSON object: look at byte \(error.offset)", field: "body")
        }
    }
}
