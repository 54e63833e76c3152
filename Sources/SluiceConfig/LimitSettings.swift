/// Section `limits`: bounds on what callers may use.
package struct LimitSettings: Equatable, Sendable {
    /// Bytes of one frame from a caller; at most 16 MiB − 1, because the length's first byte is always 0.
    package internal(set) var frameSize = 4 << 20
    /// Calls in flight on one connection.
    package internal(set) var inflightPerConnection = 256
    /// Connections of all callers together.
    package internal(set) var connections = 4096
    /// Connections of one user.
    package internal(set) var connectionsPerUID = 1024
    /// Bytes of streamed data a caller may have outstanding before it grants more.
    package internal(set) var streamCredit = 256 << 10
    /// How long a stream may wait for credit before it ends.
    package internal(set) var slowConsumerTimeout = Duration.seconds(30)
    /// How long a new connection may take to say hello.
    package internal(set) var helloTimeout = Duration.seconds(10)
    /// The deadline of a call that names none.
    package internal(set) var defaultDeadline = DeadlineSettings()
    /// Calls that may wait in one pool's queue.
    package internal(set) var queueCalls = 10000
    /// Bytes of request bodies that may wait in one pool's queue.
    package internal(set) var queueSize = 256 << 20
    /// Pools, configured ones and those made for models that no pool names.
    package internal(set) var pools = 256
    /// Tenants with a queue and ceilings of their own at one time; those beyond share one.
    package internal(set) var tenants = 4096
    /// Features with a ceiling of their own at one time; those beyond share one.
    package internal(set) var features = 256

    /// The defaults.
    package init() {}
}

extension LimitSettings: ConfigurationSection {
    static let fields: [Field<LimitSettings>] = [
        .value("frame_size", \.frameSize, .size(1024...(16 << 20) - 1), .live, "Largest frame from a caller"),
        .value(
            "inflight_per_connection", \.inflightPerConnection, .count(1...4096), .live,
            "Calls in flight on one connection"),
        .value("connections", \.connections, .count(1...65536), .live, "Connections of all callers together"),
        .value("connections_per_uid", \.connectionsPerUID, .count(1...65536), .live, "Connections of one user"),
        .value(
            "stream_credit", \.streamCredit, .size(1024...(16 << 20)), .live,
            "Streamed bytes a caller may have outstanding before it grants more"),
        .value(
            "slow_consumer_timeout", \.slowConsumerTimeout, .duration(.seconds(1) ... .seconds(3600)), .live,
            "How long a stream may wait for credit before it ends"),
        .value(
            "hello_timeout", \.helloTimeout, .duration(.milliseconds(100) ... .seconds(3600)), .live,
            "How long a new connection may take to say hello"),
        .section("default_deadline", \.defaultDeadline, "Deadline of a call that names none, by lane"),
        .value("queue_calls", \.queueCalls, .count(1...1_000_000), .live, "Calls that may wait in one pool's queue"),
        .value(
            "queue_size", \.queueSize, .size(1024...(64 << 30)), .live,
            "Bytes of request bodies that may wait in one pool's queue"),
        .value(
            "pools", \.pools, .count(1...4096), .live, "Pools, with those made for models that no pool names"),
        .value(
            "tenants", \.tenants, .count(1...100_000), .live,
            "Tenants with a queue of their own at one time; those beyond share one"),
        .value(
            "features", \.features, .count(1...4096), .live,
            "Features told apart at one time; those beyond share one"),
    ]
}

/// Section `limits.default_deadline`: how long a call that names no deadline may take, queueing and every attempt
/// together, by lane.
package struct DeadlineSettings: Equatable, Sendable {
    /// A person is waiting.
    package internal(set) var interactive = Duration.seconds(30)
    /// The default lane.
    package internal(set) var normal = Duration.seconds(120)
    /// Work that may wait.
    package internal(set) var batch = Duration.seconds(600)
    /// Work that runs when nothing else does.
    package internal(set) var backfill = Duration.seconds(3600)

    /// The defaults.
    package init() {}
}

extension DeadlineSettings: ConfigurationSection {
    private static let deadline = ValueType<Duration>.duration(.milliseconds(1) ... .seconds(86400))

    static let fields: [Field<DeadlineSettings>] = [
        .value("interactive", \.interactive, deadline, .live, "Lane interactive"),
        .value("normal", \.normal, deadline, .live, "Lane normal"),
        .value("batch", \.batch, deadline, .live, "Lane batch"),
        .value("backfill", \.backfill, deadline, .live, "Lane backfill"),
    ]
}
