import SluicePolicy

/// One line of a trace: a call as the agent saw it, without a word of what was asked or answered.
struct RecordedCall: Sendable {
    var at: Int64
    var tenant: Int?
    var feature: Int?
    var pool: Int
    var lane: PolicyLane
    var endpoint: Int
    var bytes: Int
    var reservedTokens: Int
    var maxTokens: Int?
    var isStream: Bool
    var deadline: Int64
    var inputTokens: Int
    var outputTokens: Int
    var service: MeasuredService
    var cancelAfter: Int64?
    var fallbacks: [FallbackPlan] = []

    /// The call as the workload knows it; `number` is its place in the trace.
    func workload(_ number: Int) -> WorkloadCall {
        WorkloadCall(
            source: -1, number: number, tenant: tenant, feature: feature, pool: pool, lane: lane, endpoint: endpoint,
            inputTokens: inputTokens, outputTokens: outputTokens, maxTokens: maxTokens, images: 0, bytes: bytes,
            deadline: deadline, isStream: isStream, cancelAfter: cancelAfter, fallbacks: fallbacks, isClosed: false,
            measured: service,
            reservedTokens: reservedTokens)
    }
}
