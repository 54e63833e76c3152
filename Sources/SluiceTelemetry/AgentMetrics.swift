/// Every metric of ``MetricCatalogue``, registered and ready: the agent's event loop owns one of these.
package final class AgentMetrics {
    /// The registry behind them.
    package let registry: MetricRegistry
    /// ``MetricCatalogue/calls``, by pool, lane, endpoint, outcome.
    package let calls: MetricFamily<Counter>
    /// ``MetricCatalogue/callsInFlight``, by pool.
    package let callsInFlight: MetricFamily<Gauge>
    /// ``MetricCatalogue/queueDepth``, by pool, lane.
    package let queueDepth: MetricFamily<Gauge>
    /// ``MetricCatalogue/queueBytes``.
    package let queueBytes: Gauge
    /// ``MetricCatalogue/callDuration``, by pool, lane.
    package let callDuration: MetricFamily<Histogram>
    /// ``MetricCatalogue/queueWait``, by pool, lane.
    package let queueWait: MetricFamily<Histogram>
    /// ``MetricCatalogue/upstreamDuration``, by pool.
    package let upstreamDuration: MetricFamily<Histogram>
    /// ``MetricCatalogue/timeToFirstChunk``, by pool, lane.
    package let timeToFirstChunk: MetricFamily<Histogram>
    /// ``MetricCatalogue/tokens``, by pool, direction.
    package let tokens: MetricFamily<Counter>
    /// ``MetricCatalogue/upstreamAttempts``, by pool, outcome.
    package let upstreamAttempts: MetricFamily<Counter>
    /// ``MetricCatalogue/upstreamRateLimited``, by pool.
    package let upstreamRateLimited: MetricFamily<Counter>
    /// ``MetricCatalogue/retries``, by pool, reason.
    package let retries: MetricFamily<Counter>
    /// ``MetricCatalogue/fallbacks``, by pool, reason.
    package let fallbacks: MetricFamily<Counter>
    /// ``MetricCatalogue/concurrencyLimit``, by pool.
    package let concurrencyLimit: MetricFamily<Gauge>
    /// ``MetricCatalogue/breakerOpen``, by pool, endpoint.
    package let breakerOpen: MetricFamily<Gauge>
    /// ``MetricCatalogue/poolFrozen``, by pool.
    package let poolFrozen: MetricFamily<Gauge>
    /// ``MetricCatalogue/foreignUse``, by pool, quota.
    package let foreignUse: MetricFamily<Gauge>
    /// ``MetricCatalogue/tokenEstimateError``, by basis.
    package let tokenEstimateError: MetricFamily<Histogram>
    /// ``MetricCatalogue/receivedBytes``, by side.
    package let receivedBytes: MetricFamily<Counter>
    /// ``MetricCatalogue/sentBytes``, by side.
    package let sentBytes: MetricFamily<Counter>
    /// ``MetricCatalogue/connections``.
    package let connections: Gauge
    /// ``MetricCatalogue/connectionsAccepted``.
    package let connectionsAccepted: Counter
    /// ``MetricCatalogue/connectionsRefused``, by reason.
    package let connectionsRefused: MetricFamily<Counter>
    /// ``MetricCatalogue/framesRejected``, by code.
    package let framesRejected: MetricFamily<Counter>
    /// ``MetricCatalogue/reloads``, by result.
    package let reloads: MetricFamily<Counter>
    /// ``MetricCatalogue/lastReloadSuccess``.
    package let lastReloadSuccess: Gauge

    /// Registers everything.
    ///
    /// - Parameters:
    ///   - version: the label of `sluice_build_info`.
    ///   - startTime: when the process started, in seconds of Unix time.
    ///   - process: where the process's own figures are read at each scrape.
    package init(version: String, startTime: Double, process: ProcessSampler = ProcessSampler()) {
        let registry = MetricRegistry()
        self.registry = registry
        registry.gauges(MetricCatalogue.buildInfo).labelled(version).set(1)
        calls = registry.counters(MetricCatalogue.calls)
        callsInFlight = registry.gauges(MetricCatalogue.callsInFlight)
        queueDepth = registry.gauges(MetricCatalogue.queueDepth)
        queueBytes = registry.gauge(MetricCatalogue.queueBytes)
        callDuration = registry.histograms(MetricCatalogue.callDuration)
        queueWait = registry.histograms(MetricCatalogue.queueWait)
        upstreamDuration = registry.histograms(MetricCatalogue.upstreamDuration)
        timeToFirstChunk = registry.histograms(MetricCatalogue.timeToFirstChunk)
        tokens = registry.counters(MetricCatalogue.tokens)
        upstreamAttempts = registry.counters(MetricCatalogue.upstreamAttempts)
        upstreamRateLimited = registry.counters(MetricCatalogue.upstreamRateLimited)
        retries = registry.counters(MetricCatalogue.retries)
        fallbacks = registry.counters(MetricCatalogue.fallbacks)
        concurrencyLimit = registry.gauges(MetricCatalogue.concurrencyLimit)
        breakerOpen = registry.gauges(MetricCatalogue.breakerOpen)
        poolFrozen = registry.gauges(MetricCatalogue.poolFrozen)
        foreignUse = registry.gauges(MetricCatalogue.foreignUse)
        tokenEstimateError = registry.histograms(MetricCatalogue.tokenEstimateError)
        receivedBytes = registry.counters(MetricCatalogue.receivedBytes)
        sentBytes = registry.counters(MetricCatalogue.sentBytes)
        connections = registry.gauge(MetricCatalogue.connections)
        connectionsAccepted = registry.counter(MetricCatalogue.connectionsAccepted)
        connectionsRefused = registry.counters(MetricCatalogue.connectionsRefused)
        framesRejected = registry.counters(MetricCatalogue.framesRejected)
        reloads = registry.counters(MetricCatalogue.reloads)
        lastReloadSuccess = registry.gauge(MetricCatalogue.lastReloadSuccess)
        registry.sampled(MetricCatalogue.startTime) { startTime }
        registry.sampled(MetricCatalogue.residentMemory) { process.residentBytes().map(Double.init) }
        registry.sampled(MetricCatalogue.cpuTime, process.cpuSeconds)
        registry.sampled(MetricCatalogue.openDescriptors) { process.openDescriptors().map(Double.init) }
    }
}
