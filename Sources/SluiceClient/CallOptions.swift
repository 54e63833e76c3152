internal import SluiceWire

/// On whose behalf, how urgently and how long: everything about a call besides its path and body.
public struct CallOptions: Sendable {
    /// The customer on whose behalf the call is made, at most 128 bytes.
    public var tenant: String?
    /// The workflow that it belongs to, such as `support-reply`, at most 64 bytes.
    public var feature: String?
    /// How urgent it is; without one, what the agent has for the feature, else normal.
    public var lane: Lane?
    /// From arrival at the agent, over queueing and every attempt; 1 ms to 24 h, the agent's default without one.
    public var deadline: Duration?
    /// Is told when the call waits, starts after a wait, or is tried again. It is called on the connection's event
    /// loop, so it must be quick and may not block.
    public var onProgress: (@Sendable (Progress) -> Void)?

    /// Options for a call; all of them may be left out.
    public init(
        tenant: String? = nil, feature: String? = nil, lane: Lane? = nil, deadline: Duration? = nil,
        onProgress: (@Sendable (Progress) -> Void)? = nil
    ) {
        self.tenant = tenant
        self.feature = feature
        self.lane = lane
        self.deadline = deadline
        self.onProgress = onProgress
    }
}

extension CallOptions {
    /// The lane a call travels in, most urgent first.
    public enum Lane: String, Sendable, CaseIterable {
        /// A person is waiting.
        case interactive
        /// Nobody said otherwise.
        case normal
        /// Work that may take minutes.
        case batch
        /// Work that fills what the others leave.
        case backfill
    }

    /// What the agent reports while a call is under way.
    public enum Progress: Sendable, Equatable {
        /// The call waits in the pool's queue behind this many others, for about this long. Comes again when that
        /// changes, at most once a second.
        case queued(pool: String, position: Int, estimate: Duration?)
        /// The call that waited has begun.
        case started(attempt: Int, waited: Duration)
        /// An attempt failed for this reason; the numbered one follows after the delay.
        case retrying(attempt: Int, code: SluiceError.Code, delay: Duration)
    }
}

extension CallOptions {
    func operation(path: String) throws(SluiceError) -> CallOperation {
        CallOperation(
            path: path, tenant: tenant, feature: feature, lane: lane.map(SluiceWire.Lane.init),
            deadlineMS: try deadlineMS(),
            progress: onProgress != nil)
    }

    private func deadlineMS() throws(SluiceError) -> Int? {
        guard let deadline else { return nil }
        // Rounded up, so that half a millisecond is a deadline and not none.
        let ms = (deadline / .milliseconds(1)).rounded(.up)
        guard ms >= 1, ms <= Double(WireLimits.deadlineCeilingMS) else {
            throw SluiceError(
                .callerInvalidField, "deadline must be from 1 ms to 24 h, not \(deadline)", field: "deadline_ms")
        }
        return Int(ms)
    }
}

extension SluiceWire.Lane {
    init(_ lane: CallOptions.Lane) {
        self =
            switch lane {
            case .interactive: .interactive
            case .normal: .normal
            case .batch: .batch
            case .backfill: .backfill
            }
    }
}
