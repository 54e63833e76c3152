import ArgumentParser
import Glibc
import SluiceAgent

/// The one executable.
@main
struct Sluice: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "A per-host agent that makes OpenAI usable in production.",
        version: SluiceVersion.current,
        subcommands: [AgentCommand.self, ProviderCommand.self])
}
