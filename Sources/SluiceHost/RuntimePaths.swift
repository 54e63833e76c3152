/// The agent's directories, decided once at the start.
package struct RuntimePaths: Sendable, Equatable {
    /// Where sockets live while the agent runs.
    package let runtimeDirectory: String
    /// Where what must outlive a restart is kept.
    package let stateDirectory: String

    /// Decides both directories: what was asked for, else what the service manager made
    /// (`RUNTIME_DIRECTORY`, `STATE_DIRECTORY`; the first where there are several), else the user's own
    /// (`XDG_RUNTIME_DIR`, `XDG_STATE_HOME` or `~/.local/state`). Creates nothing.
    ///
    /// - Throws: `RuntimePathError` when nothing names a directory.
    package static func resolve(
        runtimeDirectory: String? = nil, stateDirectory: String? = nil, environment: [String: String]
    ) throws(RuntimePathError) -> RuntimePaths {
        let runtime =
            runtimeDirectory ?? first(in: environment["RUNTIME_DIRECTORY"])
            ?? home(environment["XDG_RUNTIME_DIR"], "sluice")
        let state =
            stateDirectory ?? first(in: environment["STATE_DIRECTORY"])
            ?? home(environment["XDG_STATE_HOME"], "sluice") ?? home(environment["HOME"], ".local/state/sluice")
        guard let runtime else { throw .noRuntimeDirectory }
        guard let state else { throw .noStateDirectory }
        return RuntimePaths(runtimeDirectory: runtime, stateDirectory: state)
    }

    /// The path of a socket in the runtime directory: `agent.sock`, `stats.sock` or `admin.sock`.
    package func socketPath(_ name: ActivatedSocketName) -> String {
        "\(runtimeDirectory)/\(name.rawValue).sock"
    }

    private static func first(in list: String?) -> String? {
        list?.split(separator: ":").first.map(String.init)
    }

    /// A relative value is ignored, as the XDG base directory specification asks.
    private static func home(_ base: String?, _ name: String) -> String? {
        base.flatMap { $0.hasPrefix("/") ? "\($0)/\(name)" : nil }
    }
}

/// No directory is named anywhere.
package enum RuntimePathError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Nothing says where sockets go.
    case noRuntimeDirectory
    /// Nothing says where state goes.
    case noStateDirectory

    package var description: String {
        switch self {
        case .noRuntimeDirectory:
            "no runtime directory: give --runtime-dir, or set XDG_RUNTIME_DIR (a service unit sets RuntimeDirectory=)"
        case .noStateDirectory:
            "no state directory: give --state-dir, or set XDG_STATE_HOME or HOME (a service unit sets StateDirectory=)"
        }
    }
}
