import NIOCore
import SluiceOpenAI
import SluicePolicy
import SluiceUpstream
import SluiceWire

/// What a call is, once it passed the stages that need its bytes: all that later stages look at.
struct CallPlan {
    var id: String
    var endpoint: Endpoint
    var method: CallMethod
    /// The path below the upstream's base URL.
    var upstreamPath: String
    var lane: Lane
    var tenant: String?
    var feature: String?
    var deadlineMS: Int
    var progress: Bool
    var view: RequestView
    /// The request as it will be sent, edits applied.
    var body: RequestBody?
    /// Where the model stands in it.
    var modelRange: Range<Int>?
    /// What its tokens are estimated from.
    var weight: RequestWeight
}

/// One step of a call's fallback chain.
struct FallbackStep {
    var model: String
    var group: PoolGroup
    var triggers: FallbackTriggers
}

/// One live call, from arrival to its terminal event. Confined to the agent's event loop.
final class CallContext {
    let plan: CallPlan
    let session: Session
    /// Where it waits or is served: changes with the key and with the fallback.
    var pool: PoolRuntime
    let fallbacks: [FallbackStep]
    /// What was reserved on the current route.
    var estimate: CallEstimate
    /// 0 as asked, *n* the *n*-th fallback.
    var route = 0
    /// Why it left the route before.
    var fallbackReason: FallbackReason?
    let arrivedAt: MonotonicTime
    /// The core's name for it, once it was admitted.
    var callID: CallID?
    /// The upstream's name for the running attempt.
    var token: UInt64?
    var attempts = 0
    /// Whether the caller was told that it waits.
    var wasQueued = false
    /// When it began to wait for its next attempt: its arrival, or the end of the attempt before.
    var waitingSince: MonotonicTime
    var firstSentAt: MonotonicTime?
    var attemptStartedAt: MonotonicTime?
    /// From the last attempt's start to the first byte of its answer.
    var firstByteMicroseconds: Int64?
    /// Whether any request byte may have reached the provider, over all attempts.
    var anythingSent = false
    var requestID: String?
    /// Whether an earlier attempt, one that was repeated, may have been billed.
    var mayHaveCostBefore = false
    /// Bytes of chunk data that may be sent, as long as no stream has begun to use it up.
    var credit: Int
    var stream: StreamState?

    init(
        plan: CallPlan, session: Session, pool: PoolRuntime, estimate: CallEstimate, fallbacks: [FallbackStep],
        arrivedAt: MonotonicTime, credit: Int
    ) {
        self.estimate = estimate
        self.fallbacks = fallbacks
        self.credit = credit
        self.plan = plan
        self.session = session
        self.pool = pool
        self.arrivedAt = arrivedAt
        waitingSince = arrivedAt
    }

    /// The request of the current route: from the first fallback on another model's name stands in it.
    var requestBody: RequestBody? {
        guard route > 0, let body = plan.body, let range = plan.modelRange else { return plan.body }
        return RequestBody(body, replacing: range, with: Self.quoted(fallbacks[route - 1].model))
    }

    private static func quoted(_ text: String) -> [UInt8] {
        var writer = FrameWriter(capacity: text.utf8.count + 2)
        writer.string(text)
        return writer.bytes
    }

    /// The model of the current route.
    var model: String? { route > 0 ? fallbacks[route - 1].model : plan.view.model }

    /// Which model answers in place of the one that was asked for.
    var fallback: WireFallback? {
        guard route > 0, let reason = fallbackReason else { return nil }
        return WireFallback(from: plan.view.model ?? "", to: fallbacks[route - 1].model, reason: reason)
    }

    /// Milliseconds from arrival to the first attempt, or to `now` where there was none.
    func queuedMS(at now: MonotonicTime) -> Int { Self.milliseconds(from: arrivedAt, to: firstSentAt ?? now) }

    func upstreamMS(at now: MonotonicTime) -> Int {
        firstSentAt.map { Self.milliseconds(from: $0, to: now) } ?? 0
    }

    func totalMS(at now: MonotonicTime) -> Int { Self.milliseconds(from: arrivedAt, to: now) }

    /// Whether the answer has begun to reach the caller: from then on nothing is retried.
    var hasForwarded: Bool { (stream?.seq ?? 0) > 0 }

    static func milliseconds(from start: MonotonicTime, to end: MonotonicTime) -> Int {
        Int(max(0, end.microseconds(since: start)) / 1000)
    }
}

/// The part of a call that only a streamed answer has: made anew for each attempt.
final class StreamState {
    var parser = SSEParser(maxEventSize: AgentLimits.streamEvent)
    var reader: StreamReader
    /// Bytes of chunk data that may still be sent.
    var credit: Int
    var seq = 0
    var status = 200
    var usage: WireUsage?
    var model: String?
    var end: StreamStep.End?
    /// Data objects that came while there was no credit.
    var waiting: [[UInt8]] = []
    var waitingFrom = 0
    /// Since when data has waited for credit.
    var stalledSince: MonotonicTime?
    var isPaused = false
    /// The end of the exchange, held back until the waiting data has gone.
    var heldEnd: UpstreamEnd?
    /// The provider's error object, where one came inside the stream.
    var providerError: [UInt8]?

    init(reader: StreamReader, credit: Int) {
        self.reader = reader
        self.credit = credit
    }

    var hasWaiting: Bool { waitingFrom < waiting.count }

    /// The next waiting data object.
    func nextWaiting() -> [UInt8] {
        defer {
            waitingFrom += 1
            if waitingFrom == waiting.count {
                waiting.removeAll(keepingCapacity: true)
                waitingFrom = 0
            }
        }
        return waiting[waitingFrom]
    }
}

/// Bounds of the agent that are not configurable.
enum AgentLimits {
    /// Bytes of one data object of a stream.
    static let streamEvent = 8 * 1024 * 1024
    /// Room left in a result frame for everything that is not its body.
    static let resultOverhead = 64 * 1024
    /// The largest body that a result frame can carry.
    static let responseBody = WireLimits.frameSizeCeiling - resultOverhead
    /// Connections that stats and admin sockets take together; a scraper needs one.
    static let httpConnections = 64
    /// Seconds after which such a connection is closed when nothing comes.
    static let httpIdleSeconds: Int64 = 60
    /// Bytes of outbound frames a connection may have pending before the agent stops reading from it.
    static let outboundHighWater = 4 * 1024 * 1024
    static let outboundLowWater = 1024 * 1024
}
