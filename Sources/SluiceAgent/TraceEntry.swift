import SluicePolicy
import SluiceWire

/// One call as the trace has it: names, sizes and times. No prompt, no answer, no key.
struct TraceEntry: Sendable, Equatable {
    var arrivedAt: MonotonicTime
    var lane: Lane
    /// At most ``WireLimits/tenantSize`` bytes.
    var tenant: String?
    /// At most ``WireLimits/featureSize`` bytes.
    var feature: String?
    /// The model that was asked for.
    var model: String?
    var endpoint: String
    /// The pool that the call ended in.
    var pool: String
    /// Size of the request's body.
    var bytes: Int
    /// What admission took from the token bucket.
    var reservedTokens: Int
    /// The most output tokens the request asks for; nil when it names none.
    var maxOutput: Int?
    var stream: Bool
    var deadlineMS: Int
    /// Nil when the provider did not say.
    var inputTokens: Int?
    /// Nil when the provider did not say.
    var outputTokens: Int?
    /// From arrival to the first attempt.
    var queuedMicroseconds: Int64
    /// From the first attempt to the end; nil when nothing was sent.
    var upstreamMicroseconds: Int64?
    /// From the last attempt's start to the first byte of its answer; nil when none came.
    var firstByteMicroseconds: Int64?
    var attempts: Int
    /// `ok`, or an error code.
    var outcome: String
    /// The provider's HTTP status.
    var status: Int?

    /// The entry as one line of JSON, its line feed included. What is nil is left out.
    ///
    /// - Parameter start: what `at_us` counts from; not after ``arrivedAt``.
    func line(since start: MonotonicTime) -> [UInt8] {
        var line = FrameWriter(capacity: 512)
        line.raw("{\"at_us\":")
        line.integer(Int(arrivedAt.microseconds(since: start)))
        line.member("lane", lane.rawValue)
        line.member("tenant", ifPresent: tenant)
        line.member("feature", ifPresent: feature)
        line.member("model", ifPresent: model)
        line.member("endpoint", endpoint)
        line.member("pool", pool)
        line.member("bytes", bytes)
        line.member("reserved_tokens", reservedTokens)
        line.member("max_output", ifPresent: maxOutput)
        line.member("stream", stream)
        line.member("deadline_ms", deadlineMS)
        line.member("input_tokens", ifPresent: inputTokens)
        line.member("output_tokens", ifPresent: outputTokens)
        line.member("queued_us", Int(queuedMicroseconds))
        line.member("upstream_us", ifPresent: upstreamMicroseconds.map { Int($0) })
        line.member("first_byte_us", ifPresent: firstByteMicroseconds.map { Int($0) })
        line.member("attempts", attempts)
        line.member("outcome", outcome)
        line.member("status", ifPresent: status)
        line.raw("}\n")
        return line.bytes
    }
}
