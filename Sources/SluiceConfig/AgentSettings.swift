/// Section `agent`: the daemon itself.
package struct AgentSettings: Equatable, Sendable {
    /// Where the sockets are; nil: resolved by ``RuntimePaths``.
    package internal(set) var runtimeDirectory: String?
    /// Where durable state is; nil: resolved by ``RuntimePaths``.
    package internal(set) var stateDirectory: String?
    /// The three listening sockets.
    package internal(set) var sockets = SocketsSettings()
    /// A TCP listener on the loopback interface for a metrics scraper; nil: none.
    package internal(set) var statsListen: LoopbackAddress?
    /// How long calls in flight may still run after SIGTERM.
    package internal(set) var drainTimeout = Duration.seconds(30)
    /// What is logged, and how.
    package internal(set) var log = LogSettings()

    /// The defaults.
    package init() {}
}

extension AgentSettings: ConfigurationSection {
    static let fields: [Field<AgentSettings>] = [
        .optional(
            "runtime_dir", \.runtimeDirectory, .absolutePath, .restart,
            "Directory of the sockets; default $RUNTIME_DIRECTORY, else $XDG_RUNTIME_DIR/sluice"),
        .optional(
            "state_dir", \.stateDirectory, .absolutePath, .restart,
            "Directory of durable state; default $STATE_DIRECTORY, else $XDG_STATE_HOME/sluice"),
        .section("sockets", \.sockets, "The listening sockets"),
        .value(
            "stats_listen", \.statsListen, .loopbackAddress, .restart,
            "TCP listener for a metrics scraper, loopback only, such as 127.0.0.1:9464"),
        .value(
            "drain_timeout", \.drainTimeout, .duration(.zero ... .seconds(86400)), .live,
            "How long calls in flight may still run after SIGTERM"),
        .section("log", \.log, "The log"),
    ]
}

/// Section `agent.sockets`: the three listening sockets.
package struct SocketsSettings: Equatable, Sendable {
    /// Where callers connect.
    package internal(set) var agent = SocketSettings(mode: 0o660)
    /// Read-only HTTP: metrics, health, status.
    package internal(set) var stats = SocketSettings(mode: 0o660)
    /// Administration.
    package internal(set) var admin = SocketSettings(mode: 0o600)

    /// The defaults.
    package init() {}
}

extension SocketsSettings: ConfigurationSection {
    static let fields: [Field<SocketsSettings>] = [
        .section("agent", \.agent, "Where callers connect"),
        .section("stats", \.stats, "Metrics, health and status over HTTP"),
        .section("admin", \.admin, "Administration"),
    ]

    func check(_ place: SectionPlace) {
        let paths = [("agent", agent.path), ("stats", stats.path), ("admin", admin.path)]
        for (index, (name, path)) in paths.enumerated() {
            guard let path, let other = paths[..<index].first(where: { $0.1 == path }) else { continue }
            place.report(name, Fault("has the same path as agent.sockets.\(other.0)"))
        }
    }
}

/// One listening socket.
package struct SocketSettings: Equatable, Sendable {
    /// Absolute path, at most 107 bytes; nil: `agent.sock`, `stats.sock` or `admin.sock` in the runtime directory.
    package internal(set) var path: String?
    /// Permission bits, 0…0o777.
    package internal(set) var mode: Int
    /// Group name or number that owns the socket; nil: the process's own.
    package internal(set) var group: String?

    init() { self.init(mode: 0o660) }

    init(mode: Int) { self.mode = mode }
}

extension SocketSettings: ConfigurationSection {
    static let fields: [Field<SocketSettings>] = [
        .optional("path", \.path, .socketPath, .restart, "Path; default NAME.sock in the runtime directory"),
        .value("mode", \.mode, .fileMode, .restart, "Permission bits"),
        .optional("group", \.group, .groupName, .restart, "Group that owns the socket"),
    ]
}

/// Section `agent.log`.
package struct LogSettings: Equatable, Sendable {
    /// The least severe level that is written; the names are swift-log's.
    package enum Level: String, CaseIterable, Sendable {
        case trace, debug, info, notice, warning, error, critical
    }

    /// How records are written to standard error.
    package enum Format: String, CaseIterable, Sendable {
        /// `journal` when standard error is the journal's stream, else `text`.
        case auto
        case text, json, journal
    }

    /// The least severe level that is written.
    package internal(set) var level = Level.info
    /// How records are written.
    package internal(set) var format = Format.auto

    /// The defaults.
    package init() {}
}

extension LogSettings: ConfigurationSection {
    static let fields: [Field<LogSettings>] = [
        .value("level", \.level, .choice, .live, "Least severe level that is written"),
        .value(
            "format", \.format, .choice, .restart, "How records are written; auto tells the journal from a terminal"),
    ]
}
