import FoundationEssentials
import SluiceConfig
import SluiceHost
import SluicePolicy
import SluiceUpstream

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
            let snapshot = policy.snapshot(pool.id)
            sums.0 += snapshot.inFlight
            sums.1 += snapshot.queued
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
        let snapshot = policy.snapshot(pool.id)
        let frozen = snapshot.frozenUntil.map { Int($0.microseconds(since: Self.now) / 1000) } ?? 0
        return StatusReport.Pool(
            name: pool.name, inFlight: snapshot.inFlight, queued: snapshot.queued,
            queuedBytes: snapshot.queuedBytes, frozenMS: frozen > 0 ? frozen : nil,
            requestsPerMinute: snapshot.limits.requestsPerMinute, tokensPerMinute: snapshot.limits.tokensPerMinute,
            maxInFlight: snapshot.limits.maxInFlight)
    }
}
