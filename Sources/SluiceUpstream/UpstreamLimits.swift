/// The engine's bounds.
package struct UpstreamLimits: Sendable {
    /// Exchanges submitted and not yet ended, 1…1,000,000.
    package var liveTransfers: Int
    /// Connections kept open for reuse, 1…65,536.
    package var idleConnections: Int
    /// Prepared handles kept per profile, 0…65,536; one costs about 25 kB.
    package var idleHandlesPerProfile: Int
    /// Bytes held back for one paused HTTP/2 stream before libcurl itself is paused, 0…16 MiB. libcurl 7.88 stops a
    /// whole HTTP/2 connection when one of its streams is paused, so a short pause is bridged by memory.
    package var heldBytesPerStream: Int

    /// The defaults, which suit one host.
    package init(
        liveTransfers: Int = 65_536,
        idleConnections: Int = 1_024,
        idleHandlesPerProfile: Int = 256,
        heldBytesPerStream: Int = 256 << 10
    ) {
        self.liveTransfers = min(max(liveTransfers, 1), 1_000_000)
        self.idleConnections = min(max(idleConnections, 1), 65_536)
        self.idleHandlesPerProfile = min(max(idleHandlesPerProfile, 0), 65_536)
        self.heldBytesPerStream = min(max(heldBytesPerStream, 0), 16 << 20)
    }

    /// Commands waiting for the engine: room for every live exchange's submit, cancel and a few pauses and resumes.
    var commands: Int { liveTransfers * 8 }
}

/// A snapshot of the engine, as of its last turn.
package struct UpstreamStats: Sendable, Equatable {
    /// All zero.
    package init() {}

    /// Exchanges in progress.
    package internal(set) var liveTransfers = 0
    /// Prepared handles that wait for work.
    package internal(set) var idleHandles = 0
    /// Sockets opened since the start, attempts that failed included.
    package internal(set) var connectionsOpened: UInt64 = 0
    /// Exchanges ended since the start.
    package internal(set) var ended: UInt64 = 0
    /// Of those, how many went over a connection that stood already.
    package internal(set) var reused: UInt64 = 0
    /// Requests that libcurl sent again because a reused connection turned out dead.
    package internal(set) var resent: UInt64 = 0
}

/// Why the engine could not start.
package enum UpstreamEngineError: Error, Sendable, Equatable {
    /// libcurl refused to initialise.
    case library
    /// The kernel refused a descriptor or a thread: `errno`.
    case resources(errno: Int32)
}
