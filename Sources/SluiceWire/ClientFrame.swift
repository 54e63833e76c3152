/// The lane a call travels in.
package enum Lane: String, Sendable, CaseIterable {
    case interactive, normal, batch, backfill
}

/// HTTP methods a call may name.
package enum CallMethod: String, Sendable, CaseIterable {
    case post = "POST"
    case get = "GET"
}

/// The first operation on every connection.
package struct HelloFrame: Sendable, Equatable {
    package var proto: Int
    /// Name and version of the client, at most ``WireLimits/clientNameSize`` bytes.
    package var client: String?
    package var features: [String]
}

/// One synchronous request.
package struct CallFrame: Sendable, Equatable {
    package var id: String
    package var path: String
    package var method: CallMethod
    package var tenant: String?
    package var feature: String?
    /// Nil when the call names none: then the agent's configuration of the feature decides, else it is `normal`.
    package var lane: Lane?
    /// Milliseconds from arrival that span queueing and every attempt.
    package var deadlineMS: Int?
    /// Whether `queued`, `started` and `retrying` are wanted.
    package var progress: Bool
    /// OpenAI's own request body, as a slice of the frame; nil for GET.
    package var body: JSONObjectSlice?
}

/// What a client may send.
package enum ClientFrame: Sendable, Equatable {
    case hello(HelloFrame)
    case call(CallFrame)
    case cancel(id: String)
    /// Adds stream credit, in bytes of chunk data.
    case grant(id: String, bytes: Int)
    case ping(id: String?)
}

/// A frame that was not accepted, with the id it named if that could be read.
package struct FrameRejection: Error, Sendable, Equatable {
    package var id: String?
    /// The operation it named, if that could be read.
    package var op: String?
    package var error: WireError

    package init(id: String?, op: String? = nil, error: WireError) {
        self.id = id
        self.op = op
        self.error = error
    }
}

extension ClientFrame {
    /// Reads one frame's payload. Ranges inside the answer refer to `bytes`.
    ///
    /// - Throws: ``FrameRejection`` naming the first field that is wrong; the connection can go on after it.
    package static func read(_ bytes: RawSpan) throws(FrameRejection) -> ClientFrame {
        let envelope = try Envelope.read(bytes)
        let id = envelope.readableID(in: bytes)
        do {
            return try envelope.frame(in: bytes)
        } catch {
            throw FrameRejection(id: id, op: envelope.readableOp(in: bytes), error: error)
        }
    }
}

/// The known members of a client frame, found in one pass that validates every byte.
struct Envelope {
    enum Field: Int, CaseIterable {
        case op, id, path, body, tenant, feature, lane, deadlineMS, progress, method, bytes, proto, client, features
    }

    private var values = InlineArray<14, JSONValue?>(repeating: nil)
    /// The members of the body, where that is an object.
    private(set) var body: JSONObjectSlice?
    private(set) var duplicate: Field?

    subscript(_ field: Field) -> JSONValue? { values[field.rawValue] }

    static func read(_ bytes: RawSpan) throws(FrameRejection) -> Envelope {
        var envelope = Envelope()
        do {
            try envelope.scan(bytes)
        } catch {
            throw FrameRejection(id: nil, error: fault(error, in: bytes))
        }
        return envelope
    }

    private mutating func scan(_ bytes: RawSpan) throws(JSONFault) {
        var reader = JSONReader()
        try reader.enterObject(in: bytes)
        var first = true
        while let key = try reader.nextKey(in: bytes, first: &first) {
            let field = Field.named(key.range, hasEscape: key.hasEscape, in: bytes)
            let value = field == .body ? try body(in: bytes, reader: &reader) : try reader.value(in: bytes)
            guard let field else { continue }
            if values[field.rawValue] != nil { duplicate = duplicate ?? field }
            values[field.rawValue] = value
        }
        try reader.finish(in: bytes)
    }

    private mutating func body(in bytes: RawSpan, reader: inout JSONReader) throws(JSONFault) -> JSONValue {
        reader.skipSpace(in: bytes)
        guard reader.kindAhead(in: bytes) == .object else { return try reader.value(in: bytes) }
        var members: [JSONMember] = []
        members.reserveCapacity(8)
        let value = try reader.members(in: bytes, into: &members)
        body = JSONObjectSlice(range: value.range, members: members)
        return value
    }

    private static func fault(_ fault: JSONFault, in bytes: RawSpan) -> WireError {
        // Text that is not UTF-8 is told as such even where the grammar failed first: it is the deeper cause.
        if fault.kind == .utf8 || !UTF8Check.isValid(bytes) {
            return WireError(.callerInvalidUTF8, "the frame is not UTF-8; encode it as UTF-8 without a byte-order mark")
        }
        if fault.kind == .depth {
            return WireError(
                .callerNestingTooDeep, "more than \(JSONReader.maxDepth) levels of nesting at byte \(fault.offset)",
                limit: "nesting")
        }
        return WireError(
            .callerInvalidJSON, "not one JSON object: unexpected byte at offset \(fault.offset) of the frame")
    }
}

extension Envelope.Field {
    var name: StaticString {
        switch self {
        case .op: "op"
        case .id: "id"
        case .path: "path"
        case .body: "body"
        case .tenant: "tenant"
        case .feature: "feature"
        case .lane: "lane"
        case .deadlineMS: "deadline_ms"
        case .progress: "progress"
        case .method: "method"
        case .bytes: "bytes"
        case .proto: "proto"
        case .client: "client"
        case .features: "features"
        }
    }

    static func named(_ key: Range<Int>, hasEscape: Bool, in bytes: RawSpan) -> Self? {
        if hasEscape { return allCases.first { JSONText.equals(key, hasEscape: true, $0.name, in: bytes) } }
        switch key.count {
        case 2: return match(.op, key, bytes) ?? match(.id, key, bytes)
        case 4: return match(.path, key, bytes) ?? match(.body, key, bytes) ?? match(.lane, key, bytes)
        case 5: return match(.bytes, key, bytes) ?? match(.proto, key, bytes)
        case 6: return match(.tenant, key, bytes) ?? match(.method, key, bytes) ?? match(.client, key, bytes)
        case 7: return match(.feature, key, bytes)
        case 8: return match(.progress, key, bytes) ?? match(.features, key, bytes)
        case 11: return match(.deadlineMS, key, bytes)
        default: return nil
        }
    }

    @inline(__always)
    private static func match(_ field: Self, _ key: Range<Int>, _ bytes: RawSpan) -> Self? {
        bytes.matches(key, field.name) ? field : nil
    }
}
