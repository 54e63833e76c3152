import ArgumentParser
import Foundation
import Logging
import SluiceAgent
import SluiceConfig
import SluiceTelemetry
import Synchronization

/// `sluice agent`
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Run the agent: listen on the socket and forward calls to OpenAI.",
        discussion: """
            Without a file it works from the environment, as the official SDKs do: OPENAI_API_KEY and OPENAI_BASE_URL. \
            Under systemd it takes its sockets, its key and its directories from the unit.

            Signals: SIGHUP reads the configuration and the keys anew, wholly or not at all; SIGTERM and SIGINT drain: \
            calls in flight finish within agent.drain_timeout. Exit code 78 is a configuration that cannot work.
            """)

    @Option(help: ArgumentHelp("Configuration file; see `sluice config show --defaults`.", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "Directory of the sockets; default $RUNTIME_DIRECTORY, else $XDG_RUNTIME_DIR/sluice.", valueName: "dir"))
    var runtimeDir: String?

    @Option(
        help: ArgumentHelp(
            "Directory of durable state; default $STATE_DIRECTORY, else $XDG_STATE_HOME/sluice.", valueName: "dir"))
    var stateDir: String?

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let log = AgentLog()
        var options = AgentOptions(
            configurationFile: config, runtimeDirectory: runtimeDir, stateDirectory: stateDir,
            environment: environment)
        options.applyLog = log.apply
        do {
            let agent = try Agent(options) { log.open($0, environment: environment) }
            try await agent.run()
        } catch let error as AgentStartError {
            Terminal.complain(error.description)
            // EX_CONFIG of sysexits(3): the unit does not restart on it, for trying again cannot help.
            throw ExitCode(78)
        } catch {
            Terminal.complain("\(error)")
            throw ExitCode(1)
        }
    }
}

/// The process's log, whose level follows the configuration.
private final class AgentLog: Sendable {
    private let output = Mutex<LogOutput?>(nil)

    func open(_ settings: LogSettings, environment: [String: String]) -> Logger {
        let opened = LogOutput(
            format: LogFormat(settings.format), level: .init(settings.level), environment: environment)
        output.withLock { $0 = opened }
        return Logger(label: "sluice") { opened.handler(label: $0) }
    }

    func apply(_ settings: LogSettings) { output.withLock { $0?.level = .init(settings.level) } }
}

extension Logger.Level {
    /// The configured level.
    init(_ level: LogSettings.Level) { self = Self(rawValue: level.rawValue) ?? .info }
}

extension LogFormat {
    /// The configured format.
    init(_ format: LogSettings.Format) {
        switch format {
        case .auto: self = .auto
        case .text: self = .text
        case .json: self = .json
        case .journal: self = .journal
        }
    }
}
