import ArgumentParser
import Foundation
import Logging
import SluiceAgent
import SluiceConfig

/// `sluice agent`
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Run the agent: listen on the socket and forward calls to OpenAI.")

    @Option(help: ArgumentHelp("Configuration file; see `sluice config show --defaults`.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("Directory of the three sockets.", valueName: "dir"))
    var runtimeDir: String?

    @Option(help: ArgumentHelp("Directory of durable state.", valueName: "dir"))
    var stateDir: String?

    func run() async throws {
        let options = AgentOptions(
            configurationFile: config, runtimeDirectory: runtimeDir, stateDirectory: stateDir,
            environment: ProcessInfo.processInfo.environment)
        do {
            let agent = try Agent(options) { _ in Logger(label: "sluice") }
            try await agent.run()
        } catch let error as AgentStartError {
            FileHandle.standardError.write(Data((error.description + "\n").utf8))
            throw ExitCode(2)
        }
    }
}
