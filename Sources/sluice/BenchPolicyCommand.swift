import ArgumentParser
import SluiceBench

extension BenchCommand {
    /// Measures the policy core alone.
    struct PolicyCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "policy",
            abstract: "Measure what one decision of the policy core costs, with long queues behind it.",
            discussion: """
                No socket and no provider: the engine alone. 'arrive' lets a call in, 'attempt ended' takes in an \
                answer and sends the call whose turn it is. Medians of the rounds; use a release build.
                """)

        @Option(help: "Rounds; the table shows their medians.")
        var rounds = 5

        @Flag(help: "As JSON.")
        var json = false

        func run() {
            let measured = PolicyBench.cases.map { ($0, $0.run(rounds: rounds)) }
            if json {
                let cases = measured.map { bench, cost in
                    "{\"queued\":\(bench.queued),\"tenants\":\(bench.tenants),\"keys\":\(bench.keys),"
                        + "\"arrive_ns\":\(cost.arrive),\"attempt_ended_ns\":\(cost.attemptEnded)}"
                }
                Terminal.show("{\"cases\":[\(cases.joined(separator: ","))]}\n")
                return
            }
            var lines = [Self.row("queued", "tenants", "keys", "arrive", "attempt ended")]
            lines += measured.map { bench, cost in
                Self.row(
                    "\(bench.queued)", "\(bench.tenants)", "\(bench.keys)", "\(cost.arrive) ns",
                    "\(cost.attemptEnded) ns")
            }
            Terminal.show(lines.joined(separator: "\n") + "\n")
        }

        private static func row(_ cells: String...) -> String {
            cells.map { String(repeating: " ", count: max(0, 14 - $0.count)) + $0 }.joined()
        }
    }
}
