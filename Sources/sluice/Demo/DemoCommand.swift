import ArgumentParser
import Foundation
import SluiceClient

/// `sluice demo`
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "See everything at once, no key needed: agent, simulated provider, callers in two languages.",
        discussion: """
            The provider is the built-in stand-in: it enforces OpenAI's limits and speaks its API, but no model \
            answers. Everything else is real: the agent, its sockets, libcurl, the clients.
            """)

    @Option(help: "Calls in the burst.")
    var calls = 240

    @Option(help: ArgumentHelp("Where the Python client is; found in the source tree when left out.", valueName: "dir"))
    var pythonClient: String?

    @Flag(help: "Keep agent and stand-in running afterwards, until Ctrl-C.")
    var keep = false

    func run() async throws {
        Terminal.say(
            "sluice demo: the provider is SIMULATED (the built-in stand-in); no key is needed, and nothing leaves "
                + "this machine.\n"
        )
        let house = try await DemoHouse.open()
        do {
            try await show(house)
        } catch {
            await house.close()
            Terminal.complain("the demonstration failed: \(error)")
            throw ExitCode(1)
        }
        await house.close()
    }

    private func show(_ house: DemoHouse) async throws {
        let client = SluiceClient(socket: house.socket, name: "demo/swift")
        try await DemoCallers.plain(client)
        try await DemoCallers.streamed(client)
        try await DemoPython(directory: pythonClient).run(socket: house.socket)
        try await DemoCallers.retried(client)
        try await DemoBurst(calls: calls).run(house)
        client.close()
        Terminal.say(Self.next(house, kept: keep))
        if keep { try await Task.sleep(for: .seconds(86_400)) }
    }

    private static func next(_ house: DemoHouse, kept: Bool) -> String {
        let tail =
            kept
            ? """
            It keeps running (Ctrl-C ends it). In another terminal:
              export SLUICE_SOCKET=\(house.socket)
              sluice call --prompt "Say hello" --stream
              sluice status
              curl --unix-socket \(house.directory)/stats.sock http://x/metrics
            """
            : """
            Try next (in the clone, .build/debug/sluice stands for sluice):
              sluice demo --keep                                   the same, and it stays up for you to call
              OPENAI_API_KEY=sk-… sluice agent                     the agent with your key
              sluice call --prompt "Say hello" --stream            a call through it, from another terminal
              sluice config show --defaults                        every setting
              protocol/PROTOCOL.md                                 a client in your language, in an afternoon
            """
        return "\n" + tail
    }
}
