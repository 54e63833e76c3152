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

    /// Identity was fixed when the connection was made, so the list begins with what it may do.
    func plan(_ frame: CallFrame, in bytes: RawSpan) throws(WireError) -> CallPlan {
        try authorize(frame)
        // The shape comes next: every later stage decides by model, stream and size.
        let endpoint = Endpoint(path: frame.path)
        let view = try shape(frame, endpoint, in: bytes)
        // Edits are policy's, and the price is that of what will really be sent.
        let body = edit(frame, view, endpoint, in: bytes)
        let cost = price(view, bodyBytes: body?.count ?? 0)
        let lane = frame.lane ?? .normal
        return CallPlan(
            id: frame.id, endpoint: endpoint, method: frame.method, upstreamPath: String(frame.path.dropFirst(3)),
            lane: lane, tenant: frame.tenant, feature: frame.feature,
            deadlineMS: frame.deadlineMS ?? defaultDeadlineMS(lane), progress: frame.progress, view: view,
            body: body, cost: cost)
    }

    private func authorize(_ frame: CallFrame) throws(WireError) {
        guard endpoints.allows(method: frame.method.rawValue, path: frame.path) else {
            throw WireError(
                .policyEndpointNotAllowed,
                "\(frame.method.rawValue) on this path is not on the allowlist; add it under endpoints.allow",
                field: "path")
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

    private func edit(
        _ frame: CallFrame, _ view: RequestView, _ endpoint: Endpoint, in bytes: RawSpan
    ) -> RequestBody? {
        guard let body = frame.body else { return nil }
        guard view.stream, endpoint.hasStreamUsageOption, let edit = BodyEdit.includeUsage(body, in: bytes) else {
            return RequestBody(bytes, body.range)
        }
        return RequestBody(bytes, body.range, edit)
    }

    private func price(_ view: RequestView, bodyBytes: Int) -> CallCost {
        let input = TokenEstimate.input(bodyBytes: bodyBytes)
        let (total, overflow) = input.addingReportingOverflow(view.maxOutputTokens ?? TokenEstimate.defaultOutput)
        return CallCost(tokens: overflow ? Int.max : total)
    }

    private func defaultDeadlineMS(_ lane: Lane) -> Int {
        switch lane {
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
