/// Where the agent keeps its sockets and its state, after the command line, the file and the environment were asked,
/// in this order.
package struct RuntimePaths: Equatable, Sendable {
    /// Directory of the sockets.
    package let runtimeDirectory: String
    /// Directory of durable state.
    package let stateDirectory: String
    /// Where callers connect.
    package let agentSocket: String
    /// Metrics, health, status.
    package let statsSocket: String
    /// Administration.
    package let adminSocket: String

    /// Resolves every path without touching the file system.
    ///
    /// systemd may give several directories in one variable, separated by colons; the first one counts. A relative
    /// `$XDG_…` is ignored, as the XDG base directory specification says.
    ///
    /// - Parameters:
    ///   - settings: section `agent` of the configuration.
    ///   - runtimeDirectory: what the command line says.
    ///   - stateDirectory: what the command line says.
    ///   - environment: the process's variables.
    /// - Throws: ``InvalidConfiguration`` when a directory is nowhere named or a socket's path is too long (107 bytes).
    package static func resolve(
        _ settings: AgentSettings, runtimeDirectory: String? = nil, stateDirectory: String? = nil,
        environment: [String: String]
    ) throws(InvalidConfiguration) -> RuntimePaths {
        let variables = Variables(environment)
        let runtime = runtimeDirectory ?? settings.runtimeDirectory ?? variables.runtimeDirectory
        let state = stateDirectory ?? settings.stateDirectory ?? variables.stateDirectory
        var problems: [ConfigurationProblem] = []
        if runtime == nil {
            problems.append(missing("runtime_dir", "--runtime-dir, agent.runtime_dir or $XDG_RUNTIME_DIR"))
        }
        if state == nil {
            problems.append(missing("state_dir", "--state-dir, agent.state_dir, $XDG_STATE_HOME or $HOME"))
        }
        guard let runtime, let state, problems.isEmpty else { throw InvalidConfiguration(problems: problems) }
        let paths = RuntimePaths(
            runtimeDirectory: runtime, stateDirectory: state,
            agentSocket: settings.sockets.agent.path ?? "\(runtime)/agent.sock",
            statsSocket: settings.sockets.stats.path ?? "\(runtime)/stats.sock",
            adminSocket: settings.sockets.admin.path ?? "\(runtime)/admin.sock")
        problems = [paths.agentSocket, paths.statsSocket, paths.adminSocket].compactMap(tooLong)
        guard problems.isEmpty else { throw InvalidConfiguration(problems: problems) }
        return paths
    }

    private static func missing(_ name: String, _ ways: String) -> ConfigurationProblem {
        ConfigurationProblem(
            file: "environment", path: "agent.\(name)", message: "no directory is named", suggestion: "set \(ways)")
    }

    private static func tooLong(_ path: String) -> ConfigurationProblem? {
        guard path.utf8.count > 107 else { return nil }
        return ConfigurationProblem(
            file: "environment", path: "agent.runtime_dir",
            message: "\(path) has \(path.utf8.count) bytes, a socket's path has at most 107",
            suggestion: "use a shorter directory")
    }
}

private struct Variables {
    private let environment: [String: String]

    init(_ environment: [String: String]) {
        self.environment = environment
    }

    var runtimeDirectory: String? {
        first("RUNTIME_DIRECTORY") ?? absolute("XDG_RUNTIME_DIR").map { "\($0)/sluice" }
    }

    var stateDirectory: String? {
        first("STATE_DIRECTORY") ?? absolute("XDG_STATE_HOME").map { "\($0)/sluice" }
            ?? absolute("HOME").map { "\($0)/.local/state/sluice" }
    }

    private func first(_ name: String) -> String? {
        environment[name]?.split(separator: ":").first.map(String.init)
    }

    private func absolute(_ name: String) -> String? {
        guard let value = environment[name], value.hasPrefix("/") else { return nil }
        return value
    }
}
