/// Every metric of the agent. The registry, the exposition and the documentation all come from here.
package enum MetricCatalogue {
    private static let pool = LabelDeclaration("pool", bound: 256)
    private static let lane = LabelDeclaration("lane", bound: 4)
    private static let endpoint = LabelDeclaration("endpoint", bound: 32)
    private static let outcome = LabelDeclaration("outcome", bound: 48)
    private static let side = LabelDeclaration("side", bound: 2)

    /// Seconds; from a refusal in the agent to the longest deadline worth telling apart.
    private static let callBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 600]
    /// Seconds; waits in the agent's own queue begin far below a provider's latencies.
    private static let waitBuckets = [0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 600]

    /// `sluice_build_info`.
    package static let buildInfo = MetricDeclaration(
        .gauge, "sluice_build_info", "Always 1; the label says which version is running",
        labels: [LabelDeclaration("version", bound: 1)])
    /// `sluice_calls_total`.
    package static let calls = MetricDeclaration(
        .counter, "sluice_calls_total", "Calls that ended, by how they ended: ok or an error code",
        labels: [pool, lane, endpoint, outcome], seriesBound: 8192)
    /// `sluice_calls_in_flight`.
    package static let callsInFlight = MetricDeclaration(
        .gauge, "sluice_calls_in_flight", "Calls with an attempt at the provider", labels: [pool])
    /// `sluice_queue_depth`.
    package static let queueDepth = MetricDeclaration(
        .gauge, "sluice_queue_depth", "Calls that wait in the pool's queue", labels: [pool, lane])
    /// `sluice_queue_bytes`.
    package static let queueBytes = MetricDeclaration(
        .gauge, "sluice_queue_bytes", "Request bodies that wait in all queues together")
    /// `sluice_call_duration_seconds`.
    package static let callDuration = MetricDeclaration(
        .histogram, "sluice_call_duration_seconds", "Time from a call's arrival to its last event",
        labels: [pool, lane],
        buckets: callBuckets)
    /// `sluice_queue_wait_seconds`.
    package static let queueWait = MetricDeclaration(
        .histogram, "sluice_queue_wait_seconds", "Time a call waited in the pool's queue", labels: [pool, lane],
        buckets: waitBuckets)
    /// `sluice_upstream_duration_seconds`.
    package static let upstreamDuration = MetricDeclaration(
        .histogram, "sluice_upstream_duration_seconds", "Time of one attempt at the provider", labels: [pool],
        buckets: callBuckets)
    /// `sluice_time_to_first_chunk_seconds`.
    package static let timeToFirstChunk = MetricDeclaration(
        .histogram, "sluice_time_to_first_chunk_seconds", "Time from a streamed call's arrival to its first chunk",
        labels: [pool, lane], buckets: callBuckets)
    /// `sluice_tokens_total`.
    package static let tokens = MetricDeclaration(
        .counter, "sluice_tokens_total", "Tokens the provider reported; cached ones are part of the input",
        labels: [pool, LabelDeclaration("direction", bound: 3)])
    /// `sluice_upstream_attempts_total`.
    package static let upstreamAttempts = MetricDeclaration(
        .counter, "sluice_upstream_attempts_total", "Attempts at the provider, by how they ended",
        labels: [pool, outcome], seriesBound: 4096)
    /// `sluice_upstream_rate_limited_total`.
    package static let upstreamRateLimited = MetricDeclaration(
        .counter, "sluice_upstream_rate_limited_total", "Attempts that the provider answered with status 429",
        labels: [pool])
    /// `sluice_retries_total`.
    package static let retries = MetricDeclaration(
        .counter, "sluice_retries_total", "Attempts that were repeated, by the reason",
        labels: [pool, LabelDeclaration("reason", bound: 32)], seriesBound: 4096)
    /// `sluice_fallbacks_total`.
    package static let fallbacks = MetricDeclaration(
        .counter, "sluice_fallbacks_total", "Calls that went on to a fallback, by the pool they went to and the reason",
        labels: [pool, LabelDeclaration("reason", bound: 5)])
    /// `sluice_concurrency_limit`.
    package static let concurrencyLimit = MetricDeclaration(
        .gauge, "sluice_concurrency_limit", "Attempts that the concurrency guard allows at once", labels: [pool])
    /// `sluice_breaker_open`.
    package static let breakerOpen = MetricDeclaration(
        .gauge, "sluice_breaker_open", "Circuit breaker: 0 closed, 0.5 half-open, 1 open", labels: [pool, endpoint],
        seriesBound: 2048)
    /// `sluice_pool_frozen_seconds`.
    package static let poolFrozen = MetricDeclaration(
        .gauge, "sluice_pool_frozen_seconds", "Time until the pool sends again after a 429; 0 when it is not frozen",
        labels: [pool])
    /// `sluice_foreign_use_per_minute`.
    package static let foreignUse = MetricDeclaration(
        .gauge, "sluice_foreign_use_per_minute", "What others on the same quota take, as the provider's headers show",
        labels: [pool, LabelDeclaration("quota", bound: 2)])
    /// `sluice_token_estimate_error_ratio`.
    package static let tokenEstimateError = MetricDeclaration(
        .histogram, "sluice_token_estimate_error_ratio",
        "How far the estimate of a call's input was from the provider's count, relative to the count",
        labels: [LabelDeclaration("basis", bound: 3)], buckets: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5])
    /// `sluice_received_bytes_total`.
    package static let receivedBytes = MetricDeclaration(
        .counter, "sluice_received_bytes_total", "Bytes received, from clients or from upstreams", labels: [side])
    /// `sluice_sent_bytes_total`.
    package static let sentBytes = MetricDeclaration(
        .counter, "sluice_sent_bytes_total", "Bytes sent, to clients or to upstreams", labels: [side])
    /// `sluice_connections`.
    package static let connections = MetricDeclaration(
        .gauge, "sluice_connections", "Connections of callers that are open")
    /// `sluice_connections_total`.
    package static let connectionsAccepted = MetricDeclaration(
        .counter, "sluice_connections_total", "Connections of callers that were accepted")
    /// `sluice_connections_refused_total`.
    package static let connectionsRefused = MetricDeclaration(
        .counter, "sluice_connections_refused_total", "Connections of callers that were refused, by the reason",
        labels: [LabelDeclaration("reason", bound: 8)])
    /// `sluice_frames_rejected_total`.
    package static let framesRejected = MetricDeclaration(
        .counter, "sluice_frames_rejected_total", "Frames that were answered with a protocol error, by its code",
        labels: [LabelDeclaration("code", bound: 48)])
    /// `sluice_reloads_total`.
    package static let reloads = MetricDeclaration(
        .counter, "sluice_reloads_total", "Reloads of the configuration, by their result",
        labels: [LabelDeclaration("result", bound: 2)])
    /// `sluice_config_last_reload_success_timestamp_seconds`.
    package static let lastReloadSuccess = MetricDeclaration(
        .gauge, "sluice_config_last_reload_success_timestamp_seconds",
        "When the configuration in force was loaded, in Unix time")
    /// `sluice_process_start_time_seconds`.
    package static let startTime = MetricDeclaration(
        .gauge, "sluice_process_start_time_seconds", "When the agent started, in Unix time")
    /// `sluice_metric_label_overflows_total`.
    package static let labelOverflows = MetricDeclaration(
        .counter, "sluice_metric_label_overflows_total",
        "Lookups of a series that had to be counted under other, by the metric's name",
        labels: [LabelDeclaration("metric", bound: 64)])
    /// `process_resident_memory_bytes`.
    package static let residentMemory = MetricDeclaration(
        .gauge, "process_resident_memory_bytes", "Resident memory")
    /// `process_cpu_seconds_total`.
    package static let cpuTime = MetricDeclaration(
        .counter, "process_cpu_seconds_total", "Processor time, user and system together")
    /// `process_open_fds`.
    package static let openDescriptors = MetricDeclaration(
        .gauge, "process_open_fds", "Open file descriptors")

    /// Every metric, in the order of the exposition.
    package static let all = [
        buildInfo, calls, callsInFlight, queueDepth, queueBytes, callDuration, queueWait, upstreamDuration,
        timeToFirstChunk, tokens, upstreamAttempts, upstreamRateLimited, retries, fallbacks,
        concurrencyLimit, breakerOpen, poolFrozen, foreignUse, tokenEstimateError, receivedBytes, sentBytes,
        connections,
        connectionsAccepted, connectionsRefused, framesRejected, reloads, lastReloadSuccess, startTime, labelOverflows,
        residentMemory, cpuTime, openDescriptors,
    ]
}
