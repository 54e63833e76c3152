import ArgumentParser
import SluiceAgent

/// The one executable.
@main
struct Sluice: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "A per-host agent that makes OpenAI usable in production.",
        discussion: """
            Start here:
              sluice demo                        everything at once, no key needed (the provider is simulated)
              OPENAI_API_KEY=… sluice agent      the agent, with defaults
              sluice call --prompt "Say hello"   one call through it

            Processes find the agent by SLUICE_SOCKET, else $XDG_RUNTIME_DIR/sluice/agent.sock, else \
            /run/sluice/agent.sock. Exit codes: 0 done, 1 the provider failed, 2 wrong use or configuration, \
            3 refused by policy, 4 no agent.

            Shell completions: sluice --generate-completion-script bash|zsh|fish
            """,
        version: SluiceVersion.current,
        subcommands: [
            DemoCommand.self, AgentCommand.self, CallCommand.self, StatusCommand.self, BreakerCommand.self,
            ConfigCommand.self, SimulateCommand.self, ProviderCommand.self, BenchCommand.self, VersionCommand.self,
        ])
}

/// `sluice version`
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version and the protocol version.")

    @Flag(help: "As JSON.")
    var json = false

    func run() {
        let (version, proto) = (SluiceVersion.current, SluiceVersion.proto)
        print(json ? "{\"version\":\"\(version)\",\"proto\":\(proto)}" : "sluice \(version), protocol \(proto)")
    }
}
