import NIOCore
import SluiceConfig
import SluiceOpenAI
import SluicePolicy
import SluiceUpstream
import SluiceWire

/// The stages a call passes before it asks the scheduler, in this order. A stage passes it on or refuses it with an
/// error from the vocabulary; nothing is spent before the last one.
struct CallPipeline {
    let endpoints: EndpointSettings
    let deadlines: DeadlineSettings

    init(_ configuration: Configuration) {
        endpoints = configuration.endpoints
        deadlines = configuration.limits.defaultDeadline
    }

    /// Identity was fixed when the connection was made, so the list begins with what it may do.
    func plan(
        _ frame: CallFrame, _ tenant: TenantPlan, _ feature: FeatureSettings?, in bytes: RawSpan
    ) throws(WireError) -> CallPlan {
        let lane = Self.lane(frame, feature)
        try authorize(frame, lane, tenant)
        // The shape comes next: every later stage decides by model, stream and size.
        let endpoint = Endpoint(path: frame.path)
        let view = try shape(frame, endpoint, in: bytes)
        // Edits are policy's, and the price is that of what will really be sent.
        let (body, modelRange) = edit(frame, view, endpoint, in: bytes)
        let weight = weigh(frame, view, endpoint, in: bytes)
        return CallPlan(
            id: frame.id, endpoint: endpoint, method: frame.method, upstreamPath: String(frame.path.dropFirst(3)),
            lane: lane, tenant: frame.tenant, feature: frame.feature,
            deadlineMS: frame.deadlineMS ?? defaultDeadlineMS(lane, feature), progress: frame.progress, view: view,
            body: body, modelRange: modelRange, weight: weight)
    }

    /// The lane that a call names, else its feature's, else `normal`.
    static func lane(_ frame: CallFrame, _ feature: FeatureSettings?) -> Lane {
        frame.lane ?? feature?.lane.map(Lane.init) ?? .normal
    }

    private func authorize(_ frame: CallFrame, _ lane: Lane, _ tenant: TenantPlan) throws(WireError) {
        guard endpoints.allows(method: frame.method.rawValue, path: frame.path) else {
            throw WireError(
                .policyEndpointNotAllowed,
                "\(frame.method.rawValue) on this path is not on the allowlist; add it under endpoints.allow",
                field: "path")
        }
        guard tenant.allows(lane.name) else {
            throw WireError(
                .policyLaneNotAllowed,
                "the tenant's plan has no lane \(lane.rawValue); it has "
                    + tenant.lanes.map(\.rawValue).joined(separator: ", "), field: "lane")
        }
    }

    private func shape(
        _ frame: CallFrame, _ endpoint: Endpoint, in bytes: RawSpan
    ) throws(WireError) -> RequestView {
        guard let body = frame.body else {
            return RequestView(model: nil, stream: false, maxOutputTokens: nil, wantsUsageChunk: false)
        }
        return try RequestView.read(body, in: bytes, endpoint: endpoint)
    }

    /// The body as it will be sent, and where its model stands in it.
    private func edit(
        _ frame: CallFrame, _ view: RequestView, _ endpoint: Endpoint, in bytes: RawSpan
    ) -> (RequestBody?, Range<Int>?) {
        guard let body = frame.body else { return (nil, nil) }
        let start = body.range.lowerBound
        let model = view.modelRange.map { ($0.lowerBound - start)..<($0.upperBound - start) }
        guard view.stream, endpoint.hasStreamUsageOption, let edit = BodyEdit.includeUsage(body, in: bytes) else {
            return (RequestBody(bytes, body.range), model)
        }
        let moved = edit.range.lowerBound - start <= (model?.lowerBound ?? 0) ? edit.growth : 0
        return (
            RequestBody(bytes, body.range, edit), model.map { ($0.lowerBound + moved)..<($0.upperBound + moved) }
        )
    }

    private func weigh(
        _ frame: CallFrame, _ view: RequestView, _ endpoint: Endpoint, in bytes: RawSpan
    ) -> RequestWeight {
        guard let body = frame.body else { return RequestWeight() }
        return RequestWeight.read(body, in: bytes, endpoint: endpoint, model: view.model)
    }

    private func defaultDeadlineMS(_ lane: Lane, _ feature: FeatureSettings?) -> Int {
        if let deadline = feature?.deadline { return deadline.wholeMilliseconds }
        return switch lane {
        case .interactive: deadlines.interactive.wholeMilliseconds
        case .normal: deadlines.normal.wholeMilliseconds
        case .batch: deadlines.batch.wholeMilliseconds
        case .backfill: deadlines.backfill.wholeMilliseconds
        }
    }
}

extension Duration {
    /// Milliseconds, rounded towards zero.
    var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}

extension RequestBody {
    /// A copy of one range of a frame: the only copy a request body goes through.
    convenience init(_ bytes: RawSpan, _ range: Range<Int>) {
        self.init(count: range.count) { target in
            bytes.extracting(range).withUnsafeBytes { target.copyMemory(from: $0) }
        }
    }

    /// The same body with other bytes in one range.
    convenience init(_ body: RequestBody, replacing range: Range<Int>, with bytes: [UInt8]) {
        self.init(count: body.count - range.count + bytes.count) { target in
            body.withBytes { source in
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<range.lowerBound]))
                let middle = UnsafeMutableRawBufferPointer(rebasing: target[range.lowerBound...])
                bytes.withUnsafeBytes { middle.copyMemory(from: $0) }
                UnsafeMutableRawBufferPointer(rebasing: middle[bytes.count...]).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: source[range.upperBound...]))
            }
        }
    }

    /// The same with one edit applied on the way.
    convenience init(_ bytes: RawSpan, _ range: Range<Int>, _ edit: BodyEdit) {
        let head = range.lowerBound..<edit.range.lowerBound
        let tail = edit.range.upperBound..<range.upperBound
        self.init(count: head.count + edit.replacement.count + tail.count) { target in
            bytes.extracting(head).withUnsafeBytes { target.copyMemory(from: $0) }
            edit.replacement.withUnsafeBytes { source in
                UnsafeMutableRawBufferPointer(rebasing: target[head.count...]).copyMemory(from: source)
            }
            bytes.extracting(tail).withUnsafeBytes { source in
                let start = head.count + edit.replacement.count
                UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyMemory(from: source)
            }
        }
    }
}
