import ArgumentParser
import Foundation

/// `sluice breaker`
struct BreakerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "breaker",
        abstract: "Open or close a pool's circuit breaker by hand.",
        discussion: """
            Speaks to admin.sock, beside agent.sock; that is root's unless configured otherwise. 'open' sends nothing \
            to the pool: calls take their fallback, wait or are refused. 'closed' sends whatever fails. 'auto' gives \
            the breaker back to itself. A breaker set by hand stays so until the agent restarts. `sluice status` shows \
            pools and breakers.

            Exit codes: 2 no such pool or endpoint, 4 no agent answers.
            """)

    /// What a breaker can be set to.
    enum State: String, CaseIterable, ExpressibleByArgument {
        case open, closed, auto
    }

    @Argument(help: "The pool, as `sluice status` names it.")
    var pool: String

    @Argument(help: "open, closed or auto.")
    var state: State

    @Option(help: ArgumentHelp("Only this endpoint, such as chat/completions; all unless given.", valueName: "name"))
    var endpoint: String?

    @Option(help: ArgumentHelp("The admin socket.", valueName: "path"))
    var socket: String?

    func run() async throws {
        let answer = try await ask()
        let text = String(decoding: answer.body, as: UTF8.self).trimmingCharacters(in: .newlines)
        guard answer.status == 200 else {
            Terminal.complain(text)
            throw ExitCode(2)
        }
        Terminal.show(text + "\n")
    }

    private func ask() async throws -> SocketAnswer {
        var items = ["pool=\(escaped(pool))", "state=\(state.rawValue)"]
        if let endpoint { items.append("endpoint=\(escaped(endpoint))") }
        let path = "/breaker?" + items.joined(separator: "&")
        return try await StatsClient.first(
            socket, beside: "admin.sock",
            cure: "Name its admin socket with --socket, and run this as a user who may use it."
        ) { try await StatsClient.ask("POST", path, socket: $0) }
    }

    private func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text
    }
}
