/// From slices to checked values: each field's type and bounds, with an error that names the field.
extension Envelope {
    /// The id, if it can be read at all: an error about another field should still reach its call.
    func readableID(in bytes: RawSpan) -> String? {
        // Of two ids nobody can say which one is meant.
        duplicate == .id ? nil : try? requiredID(in: bytes)
    }

    func readableOp(in bytes: RawSpan) -> String? { try? requiredText(self[.op], "op", max: 64, in: bytes) }

    func frame(in bytes: RawSpan) throws(WireError) -> ClientFrame {
        if let duplicate {
            throw Self.invalid(duplicate.name.description, "appears twice; send it once")
        }
        let op = try requiredText(self[.op], "op", max: 64, in: bytes)
        switch op {
        case "call": return .call(try call(in: bytes))
        case "cancel": return .cancel(id: try requiredID(in: bytes))
        case "grant": return .grant(id: try requiredID(in: bytes), bytes: try grantBytes(in: bytes))
        case "ping": return .ping(id: try optionalID(in: bytes))
        case "hello": return .hello(try hello(in: bytes))
        default:
            throw WireError(
                .callerUnknownOp, "this agent knows no such operation; it knows hello, call, cancel, grant and ping",
                field: "op")
        }
    }

    private func hello(in bytes: RawSpan) throws(WireError) -> HelloFrame {
        guard let proto = self[.proto] else { throw Self.invalid("proto", "is missing; send the protocol version, 1") }
        guard let version = JSONText.integer(proto, in: bytes) else {
            throw Self.invalid("proto", "must be an integer, not \(proto.kind.label)")
        }
        return HelloFrame(
            proto: version,
            client: try optionalText(self[.client], "client", max: WireLimits.clientNameSize, in: bytes),
            features: try featureList(in: bytes))
    }

    private func featureList(in bytes: RawSpan) throws(WireError) -> [String] {
        guard let features = self[.features] else { return [] }
        guard features.kind == .array else { throw Self.invalid("features", "must be an array of strings") }
        var names: [String] = []
        var reader = JSONReader(at: features.start + 1)
        while true {
            reader.skipSpace(in: bytes)
            let byte = bytes.byte(reader.position)
            if byte == UInt8(ascii: "]") { return names }
            if byte == UInt8(ascii: ",") { reader = JSONReader(at: reader.position + 1) }
            guard let item = try? reader.value(in: bytes) else { return names }
            guard names.count < WireLimits.features else {
                throw Self.invalid("features", "may have at most \(WireLimits.features) entries")
            }
            names.append(
                try requiredText(item, "features[\(names.count)]", max: WireLimits.featureSize, in: bytes))
        }
    }

    private func call(in bytes: RawSpan) throws(WireError) -> CallFrame {
        let id = try requiredID(in: bytes)
        if let given = self[.body], given.kind != .object {
            throw Self.invalid("body", "must be an object, not \(given.kind.label)")
        }
        if let body, body.isTruncated {
            throw WireError(
                .callerInvalidField, "body has more than \(JSONObjectSlice.maxMembers) members", limit: "body_members",
                field: "body")
        }
        let path = try requiredText(self[.path], "path", max: WireLimits.pathSize, in: bytes)
        try Self.check(path: path)
        return CallFrame(
            id: id, path: path, method: try callMethod(in: bytes),
            tenant: try optionalText(self[.tenant], "tenant", max: WireLimits.tenantSize, in: bytes),
            feature: try optionalText(self[.feature], "feature", max: WireLimits.featureSize, in: bytes),
            lane: try callLane(in: bytes), deadlineMS: try deadlineMS(in: bytes),
            progress: try optionalFlag(self[.progress], "progress") ?? true, body: body)
    }

    private static func check(path: String) throws(WireError) {
        var segmentStart = true
        var dots = 0
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ":"):
                segmentStart = false
                dots = 0
            case UInt8(ascii: "."):
                dots = segmentStart ? 1 : dots + 1
                if segmentStart || dots > 1 { throw invalid("path", "may not hold dot segments") }
            case UInt8(ascii: "/"):
                segmentStart = true
                dots = 0
            default: throw invalid("path", "may hold only letters, digits and - _ . : /, without query or fragment")
            }
        }
        guard path.utf8.starts(with: "/v1/".utf8) else { throw invalid("path", "must begin with /v1/") }
    }

    private func callMethod(in bytes: RawSpan) throws(WireError) -> CallMethod {
        let implied: CallMethod = body == nil ? .get : .post
        guard let method = self[.method] else { return implied }
        let text = try requiredText(method, "method", max: 16, in: bytes)
        guard let named = CallMethod(rawValue: text) else {
            throw Self.invalid("method", "must be \"POST\" or \"GET\"")
        }
        if named == .post, body == nil { throw Self.invalid("body", "is missing; a POST carries a JSON object") }
        if named == .get, body != nil { throw Self.invalid("body", "must be absent; a GET carries none") }
        return named
    }

    private func callLane(in bytes: RawSpan) throws(WireError) -> Lane? {
        guard let lane = self[.lane] else { return nil }
        let text = try requiredText(lane, "lane", max: 16, in: bytes)
        guard let named = Lane(rawValue: text) else {
            throw Self.invalid("lane", "must be one of \(Lane.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return named
    }

    private func deadlineMS(in bytes: RawSpan) throws(WireError) -> Int? {
        guard let deadline = self[.deadlineMS] else { return nil }
        return try bounded(deadline, "deadline_ms", 1...WireLimits.deadlineCeilingMS, in: bytes)
    }

    private func grantBytes(in bytes: RawSpan) throws(WireError) -> Int {
        guard let amount = self[.bytes] else { throw Self.invalid("bytes", "is missing; say how many bytes to grant") }
        return try bounded(amount, "bytes", 1...WireLimits.streamCreditCeiling, in: bytes)
    }
}

// MARK: - One field

extension Envelope {
    static func invalid(_ field: String, _ complaint: String) -> WireError {
        WireError(.callerInvalidField, "\(field) \(complaint)", field: field)
    }

    private func requiredID(in bytes: RawSpan) throws(WireError) -> String {
        let text = try requiredText(self[.id], "id", max: WireLimits.idSize, in: bytes)
        if text.isEmpty { throw Self.invalid("id", "may not be empty") }
        return text
    }

    private func optionalID(in bytes: RawSpan) throws(WireError) -> String? {
        self[.id] == nil ? nil : try requiredID(in: bytes)
    }

    private func requiredText(
        _ value: JSONValue?, _ field: String, max: Int, in bytes: RawSpan
    ) throws(WireError) -> String {
        guard let value else { throw Self.invalid(field, "is missing") }
        guard value.kind == .string else { throw Self.invalid(field, "must be a string, not \(value.kind.label)") }
        guard let text = JSONText.string(value, in: bytes) else {
            throw Self.invalid(field, "holds half a surrogate pair; send whole characters")
        }
        guard text.utf8.count <= max else {
            throw Self.invalid(field, "is \(text.utf8.count) bytes long; at most \(max) are allowed")
        }
        return text
    }

    private func optionalText(
        _ value: JSONValue?, _ field: String, max: Int, in bytes: RawSpan
    ) throws(WireError) -> String? {
        guard let value else { return nil }
        let text = try requiredText(value, field, max: max, in: bytes)
        if text.isEmpty { throw Self.invalid(field, "may not be empty; leave it out instead") }
        return text
    }

    private func optionalFlag(_ value: JSONValue?, _ field: String) throws(WireError) -> Bool? {
        guard let value else { return nil }
        guard value.kind.isBoolean else { throw Self.invalid(field, "must be true or false, not \(value.kind.label)") }
        return value.kind == .true
    }

    private func bounded(
        _ value: JSONValue, _ field: String, _ range: ClosedRange<Int>, in bytes: RawSpan
    ) throws(WireError) -> Int {
        guard let number = JSONText.integer(value, in: bytes), range.contains(number) else {
            throw Self.invalid(field, "must be an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
