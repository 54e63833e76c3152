/// Everything that the stand-in can be told.
package struct ProviderConfiguration: Sendable {
    /// Interface to listen on; no TCP listener when `nil`.
    package var host: String? = "127.0.0.1"
    /// TCP port; 0 lets the system choose.
    package var port = 0
    /// Path of a Unix socket to listen on as well; a socket file that is in the way is replaced.
    package var unixPath: String?
    /// API keys that are accepted; empty accepts every non-empty one.
    package var keys: Set<String> = []
    /// Models that exist.
    package var models = ModelInfo.defaults
    /// Limits of every model that has none of its own. Each (key, model) has its own buckets.
    package var limits = RateLimits()
    /// Limits of single models, by name.
    package var modelLimits: [String: RateLimits] = [:]
    /// How long answers take.
    package var latency = LatencyModel()
    /// Median of the tokens of a text that nothing else limits, 1 … 1,000,000.
    package var outputTokens = 24
    /// Spread of that length: the standard deviation of its logarithm, 0 … 3.
    package var outputSigma = 0.0
    /// Seed of everything random: texts, latency, fault draws.
    package var seed: UInt64 = 1
    /// Scripted faults.
    package var faults = FaultScript()
    /// Largest request body, in bytes.
    package var maxBodyBytes = 32 << 20
    /// Most connections at a time; more are closed at once.
    package var maxConnections = 16_384
    /// Event-loop threads.
    package var threads = 1

    /// The defaults: a free port on the loopback, no limits, no latency, no faults.
    package init() {}
}
