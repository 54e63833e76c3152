import ArgumentParser
import Foundation
import SluiceAgent
import SluiceClient

/// `sluice status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show what the running agent is doing: pools, queues, connections.",
        discussion: "Reads /status from stats.sock, beside agent.sock. Exit code 4 when no agent answers.")

    @Option(help: ArgumentHelp("The stats socket.", valueName: "path"))
    var socket: String?

    @Flag(help: "As JSON, as the agent sends it.")
    var json = false

    func run() async throws {
        let body = try await fetch()
        if json {
            Terminal.show(String(decoding: body, as: UTF8.self))
        } else {
            Terminal.show(Self.render(try JSONDecoder().decode(StatusReport.self, from: body)))
        }
    }

    private func fetch() async throws -> Data {
        try await StatsClient.first(
            socket, beside: "stats.sock",
            cure: "Start one with `sluice agent`, or name its stats socket with --socket."
        ) { try await StatsClient.get("/status", socket: $0) }
    }

    static func render(_ report: StatusReport) -> String {
        var lines = [
            "sluice \(report.version), \(report.state) for \(report.uptimeS) s, pid \(report.pid)",
            "\(report.inFlight) in flight, \(report.queued) queued, "
                + "\(report.connections.count + report.connectionsOmitted) connections", "",
            row(["POOL", "IN FLIGHT", "QUEUED", "I/N/B/F", "RPM", "TPM", "STATE"], poolWidths),
        ]
        lines += report.pools.map { pool in
            row(
                [
                    pool.name, "\(pool.inFlight)/\(pool.inFlightLimit)", "\(pool.queued)", lanes(pool),
                    pool.requestsPerMinute.map(String.init) ?? "-", pool.tokensPerMinute.map(String.init) ?? "-",
                    state(pool),
                ], poolWidths)
        }
        lines += ["", row(["CALLER", "USER", "PID", "UNIT", "IN FLIGHT"], callerWidths)]
        lines += report.connections.map { caller in
            row(
                [
                    caller.client ?? "-", caller.user ?? caller.uid.map(String.init) ?? "-",
                    caller.pid.map(String.init) ?? "-", caller.unit ?? caller.userUnit ?? "-", "\(caller.inFlight)",
                ], callerWidths)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let poolWidths = [36, 10, 8, 14, 10, 12, 8]

    /// Waiting calls of the four lanes.
    private static func lanes(_ pool: StatusReport.Pool) -> String {
        ["interactive", "normal", "batch", "backfill"].map { "\(pool.queuedByLane[$0] ?? 0)" }
            .joined(separator: "/")
    }

    /// What holds the pool back, or that nothing does.
    private static func state(_ pool: StatusReport.Pool) -> String {
        var words: [String] = []
        if let frozen = pool.frozenMS { words.append("frozen \(frozen) ms") }
        if let avoided = pool.avoidedMS { words.append("key refused, avoided \(avoided / 1000) s") }
        if let ramp = pool.rampPerMinute { words.append("slow_down: \(ramp) RPM") }
        if let foreign = pool.foreignRequestsPerMinute { words.append("others take \(foreign) RPM") }
        if let foreign = pool.foreignTokensPerMinute { words.append("others take \(foreign) TPM") }
        words += pool.breakers.sorted { $0.key < $1.key }.map { "breaker \($0.value): \($0.key)" }
        return words.isEmpty ? "-" : words.joined(separator: ", ")
    }

    private static let callerWidths = [24, 14, 8, 36, 9]

    private static func row(_ cells: [String], _ widths: [Int]) -> String {
        zip(cells, widths).map { cell, width in
            cell.count >= width ? cell : cell + String(repeating: " ", count: width - cell.count)
        }.joined(separator: " ")
    }
}
