import SluicePolicy

/// A workload, the pools that serve it and the provider behind them: all that a run needs besides a seed.
package struct Scenario: Sendable {
    /// A word for the report.
    package var name = "scenario"
    /// One line of what is to be seen.
    package var about = ""
    /// Virtual microseconds in which calls arrive; what is under way then runs to its end.
    package var durationMicroseconds: Int64 = 600_000_000
    /// Virtual microseconds at the start whose calls are left out of the report.
    package var warmUpMicroseconds: Int64 = 0
    /// The seed that is used unless another is asked for.
    package var seed: UInt64 = 1

    var policy = PolicyParameters()
    var pools: [PoolPlan] = []
    var tenants: [TenantPlan] = []
    var features: [FeaturePlan] = []
    var traffic: [TrafficPlan] = []
    /// Arrivals of a recorded trace, by time; they come besides `traffic`.
    var recorded: [RecordedCall] = []

    /// Most pools, with one for each key, tenants, and sources of traffic.
    static let bounds = (pools: 64, keys: 16, tenants: 4096, sources: 16_384, features: 256)
}

/// Keys that serve the same models: one pool of the engine for each.
struct PoolPlan: Sendable {
    var name = "default"
    var keys = 1
    /// What the agent is configured with; limits that are nil have to be learned.
    var parameters = PoolParameters()
    var price = Price()
    /// How long the agent waits for the first byte of an answer.
    var firstByteTimeoutMicroseconds: Int64 = 120_000_000
    var provider = ProviderPlan()
}

/// What tokens cost, in US dollars for a million of them; 0 leaves spend out.
struct Price: Sendable, Equatable {
    var input = 0.0
    var output = 0.0

    /// Pico-dollars: whole for whole micro-dollars a million tokens, so that sums are exact.
    func picoDollars(inputTokens: Int, outputTokens: Int) -> Int {
        Int((input * 1e6).rounded()) * inputTokens + Int((output * 1e6).rounded()) * outputTokens
    }
}

/// One tenant, or `count` of the same kind which are named `name-1`, `name-2`, ….
struct TenantPlan: Sendable {
    var name: String
    var parameters = TenantParameters()
}

/// One feature and its bulkhead.
struct FeaturePlan: Sendable {
    var name: String
    var parameters = FeatureParameters()
}

/// One source of calls: one tenant, one lane, one kind of call.
struct TrafficPlan: Sendable {
    var name = "traffic"
    /// Indices into the scenario's lists.
    var tenant: Int?
    var feature: Int?
    var pool = 0
    var lane = PolicyLane.normal
    /// Index of the endpoint, 0..<16: chat completions are 0, embeddings 2, images 7.
    var endpoint = 0
    var arrivals = ArrivalProcess.poisson(perMinute: 60)
    var fromMicroseconds: Int64 = 0
    var untilMicroseconds = Int64.max
    var inputTokens = Distribution.constant(400)
    var outputTokens = Distribution.constant(200)
    /// The maximum output that calls name; nil when they name none.
    var maxTokens: Distribution?
    var bytesPerToken = 4.0
    var images = 0
    var deadline = Distribution.constant(30e6)
    var isStream = false
    /// Of 100 calls, those whose caller goes away at a random moment before the deadline.
    var cancelPercent = 0.0
    var fallbacks: [FallbackPlan] = []
}

/// A call's next choice.
struct FallbackPlan: Sendable {
    var pool: Int
    var triggers: FallbackTriggers
}

/// When calls come.
enum ArrivalProcess: Sendable, Equatable {
    case poisson(perMinute: Double)
    /// One call every minute ÷ rate.
    case constant(perMinute: Double)
    /// At each of these moments `calls` calls, spread evenly over `overMicroseconds`.
    case bursts(at: [Int64], calls: Int, overMicroseconds: Int64)
    /// A Poisson process that runs for `on` and rests for `off`.
    case onOff(perMinute: Double, on: Int64, off: Int64)
    /// Callers that each wait for their answer, think, and call again.
    case closed(callers: Int, think: Distribution)
}
