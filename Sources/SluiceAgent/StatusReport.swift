import FoundationEssentials
import SluiceConfig
import SluiceHost
import SluiceOpenAI
import SluicePolicy
import SluiceUpstream
import SluiceWire

/// What `/status` and `sluice status` show. Field names are part of the interface.
package struct StatusReport: Codable, Sendable, Equatable {
    /// One client's connection.
    package struct Connection: Codable, Sendable, Equatable {
        package var number: Int
        package var identity: String
        package var client: String?
        package var uid: UInt32?
        package var gid: UInt32?
        package var groups: [UInt32]?
        package var pid: Int32?
        package var user: String?
        package var unit: String?
        package var userUnit: String?
        package var slice: String?
        package var cgroup: String?
        package var executable: String?
        package var inFlight: Int
    }

    /// One pool's state and limits.
    package struct Pool: Codable, Sendable, Equatable {
        package var name: String
        package var inFlight: Int
        package var queued: Int
        package var queuedBytes: Int
        /// Milliseconds until a freeze ends; absent when it is not frozen.
        package var frozenMS: Int?
        package var requestsPerMinute: Int?
        package var tokensPerMinute: Int?
        package var maxInFlight: Int
        /// Attempts that the concurrency guard allows at once.
        package var inFlightLimit: Int
        /// Waiting calls by lane.
        package var queuedByLane: [String: Int]
        /// What others on the same quota take in a minute, as the provider's headers show; absent when nothing does.
        package var foreignRequestsPerMinute: Int?
        package var foreignTokensPerMinute: Int?
        /// Requests a minute that the provider's `slow_down` left; absent while nothing is governed.
        package var rampPerMinute: Int?
        /// Milliseconds until the pool's key is preferred again after the provider refused it; absent when it is not.
        package var avoidedMS: Int?
        /// Endpoints whose breaker is not simply closed: `open`, `half_open`, `forced_open` or `forced_closed`.
        package var breakers: [String: String]
    }

    /// The upstream engine's counts.
    package struct Upstream: Codable, Sendable, Equatable {
        package var liveTransfers: Int
        package var idleHandles: Int
        package var connectionsOpened: UInt64
        package var connectionsReused: UInt64
        /// Requests that libcurl sent again because a reused connection was dead.
        package var resent: UInt64
    }

    package var version: String
    package var instance: String
    /// `running` or `draining`.
    package var state: String
    package var pid: Int32
    package var uptimeS: Int
    package var inFlight: Int
    package var queued: Int
    package var connections: [Connection]
    /// Connections beyond the listed ones: at most ``connectionsListed`` are.
    package var connectionsOmitted: Int
    package var pools: [Pool]
    package var upstream: Upstream

    /// Connections listed in one report.
    package static let connectionsListed = 1024

    private enum CodingKeys: String, CodingKey {
        case version, instance, state, pid, connections, pools, upstream, queued
        case uptimeS = "uptime_s"
        case inFlight = "in_flight"
        case connectionsOmitted = "connections_omitted"
    }
}

extension StatusReport.Connection {
    private enum CodingKeys: String, CodingKey {
        case number, identity, client, uid, gid, groups, pid, user, unit, slice, cgroup, executable
        case userUnit = "user_unit"
        case inFlight = "in_flight"
    }
}

extension StatusReport.Pool {
    private enum CodingKeys: String, CodingKey {
        case name, queued
        case inFlight = "in_flight"
        case queuedBytes = "queued_bytes"
        case frozenMS = "frozen_ms"
        case requestsPerMinute = "requests_per_minute"
        case tokensPerMinute = "tokens_per_minute"
        case maxInFlight = "max_in_flight"
        case inFlightLimit = "in_flight_limit"
        case queuedByLane = "queued_by_lane"
        case foreignRequestsPerMinute = "foreign_requests_per_minute"
        case foreignTokensPerMinute = "foreign_tokens_per_minute"
        case rampPerMinute = "ramp_per_minute"
        case avoidedMS = "avoided_ms"
        case breakers
    }
}

extension StatusReport.Upstream {
    private enum CodingKeys: String, CodingKey {
        case liveTransfers = "live_transfers"
        case idleHandles = "idle_handles"
        case connectionsOpened = "connections_opened"
        case connectionsReused = "connections_reused"
        case resent
    }
}

extension Coordinator {
    /// How much is under way and waiting, over all pools.
    var load: (inFlight: Int, queued: Int) {
        pools.all.reduce(into: (0, 0)) { sums, pool in
            let load = policy.load(pool.id)
            sums.0 += load.inFlight
            sums.1 += load.queued
        }
    }

    func status() -> StatusReport {
        let load = load
        let listed = sessions.values.sorted { $0.number < $1.number }.prefix(StatusReport.connectionsListed)
        let stats = upstream?.stats() ?? UpstreamStats()
        return StatusReport(
            version: SluiceVersion.current, instance: instance, state: isDraining ? "draining" : "running",
            pid: ProcessSelf.pid, uptimeS: Int(Self.now.microseconds(since: startedAt) / 1_000_000),
            inFlight: load.inFlight, queued: load.queued, connections: listed.map(connection),
            connectionsOmitted: sessions.count - listed.count, pools: pools.all.map(pool),
            upstream: StatusReport.Upstream(
                liveTransfers: stats.liveTransfers, idleHandles: stats.idleHandles,
                connectionsOpened: stats.connectionsOpened, connectionsReused: stats.reused, resent: stats.resent))
    }

    func statusJSON() -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(status()) else { return "{}" }
        return String(decoding: data, as: UTF8.self) + "\n"
    }

    private func connection(_ session: Session) -> StatusReport.Connection {
        StatusReport.Connection(
            number: session.number, identity: session.identity, client: session.client.map { SafeText.line($0) },
            uid: session.credentials?.uid, gid: session.credentials?.gid, groups: session.credentials?.groups,
            pid: session.credentials?.pid, user: session.facts.user, unit: session.facts.unit,
            userUnit: session.facts.userUnit, slice: session.facts.slice, cgroup: session.facts.cgroup,
            executable: session.facts.executable, inFlight: session.calls.count)
    }

    private func pool(_ pool: PoolRuntime) -> StatusReport.Pool {
        let now = Self.now
        let snapshot = policy.snapshot(pool.id, at: now)
        let lanes = zip(Lane.allCases.map(\.rawValue), snapshot.queuedByLane)
        let breakers = snapshot.breakers.filter { $0.standing != .closed }.map { breaker in
            (Endpoint.allCases[breaker.endpoint].rawValue, breaker.standing.rawValue)
        }
        return StatusReport.Pool(
            name: pool.name, inFlight: snapshot.inFlight, queued: snapshot.queued,
            queuedBytes: snapshot.queuedBytes, frozenMS: Self.left(until: snapshot.frozenUntil, at: now),
            requestsPerMinute: snapshot.limits.requestsPerMinute, tokensPerMinute: snapshot.limits.tokensPerMinute,
            maxInFlight: snapshot.limits.maxInFlight, inFlightLimit: snapshot.guardLimit,
            queuedByLane: Dictionary(uniqueKeysWithValues: lanes),
            foreignRequestsPerMinute: Self.some(snapshot.foreignRequestsPerMinute),
            foreignTokensPerMinute: Self.some(snapshot.foreignTokensPerMinute),
            rampPerMinute: snapshot.rampPerMinute, avoidedMS: Self.left(until: snapshot.avoidedUntil, at: now),
            breakers: Dictionary(uniqueKeysWithValues: breakers))
    }

    private static func left(until time: MonotonicTime?, at now: MonotonicTime) -> Int? {
        some(time.map { Int($0.microseconds(since: now) / 1000) } ?? 0)
    }

    private static func some(_ number: Int) -> Int? { number > 0 ? number : nil }
}
