internal import ArgumentParser
internal import Dispatch
internal import Glibc
internal import SluiceBench
internal import SluiceClient
internal import Synchronization

/// `sluice bench`: load, measured.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure an agent, alone or side by side with other servers.",
        discussion: """
            A target is agent:/path/to/agent.sock, http:unix:/path or http:127.0.0.1:8080, with a name in front if
            you like. Several targets are run alternately, round by round, and compared with the first one:

              sluice bench --target agent:/run/sluice/agent.sock --in-flight 64
              sluice bench --target direct=http:127.0.0.1:8080 --target nginx=http:unix:/tmp/nginx.sock \\
                --target agent:/run/sluice/agent.sock --in-flight 1,64 --rounds 3

            Load is closed-loop: every call in flight is followed by the next when it ends. CPU is user and system
            time of the process under test from /proc/PID/stat, found behind a Unix socket (with its children) or
            named by --pid. Streams report how long each chunk was on its way, if the upstream is
            `sluice bench upstream`, which writes the sending time into every chunk. Stop other load meanwhile.

            The options are those of `sluice bench run --help`.
            """,
        subcommands: [RunCommand.self, UpstreamCommand.self, PolicyCommand.self], defaultSubcommand: RunCommand.self)
}

extension BenchCommand {
    /// Puts load on targets and prints what it measured.
    struct RunCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run", abstract: "Put load on one or more targets and print what was measured.")

        @Option(help: "What to measure; may be given several times. The agent in its usual place when left out.")
        var target: [String] = []

        @Option(help: "Calls under way at once; several numbers with commas make several tables.")
        var inFlight = "64"

        @Option(help: "Connections to an agent; an HTTP server gets one per call. Eight, or fewer for fewer calls.")
        var connections: Int?

        @Flag(help: "Make streamed calls.")
        var stream = false

        @Option(help: "Measure for this long, each time.")
        var duration = DurationArgument(.seconds(5))

        @Option(help: "Measure so many calls, each time, in place of --duration.")
        var calls: Int?

        @Option(help: "Run for this long before measuring.")
        var warmUp = DurationArgument(.seconds(1))

        @Option(help: "Bytes of the request body.")
        var bodySize = 955

        @Option(help: "Rounds; the table shows their medians.")
        var rounds = 1

        @Option(help: "Processes under test: 12,34 for a single target, or NAME=12,34; may be given several times.")
        var pid: [String] = []

        @Option(help: "The target that the others are compared with; the first one when left out.")
        var baseline: String?

        @Flag(help: "Print one JSON object with every round in place of tables.")
        var json = false

        func run() throws {
            do {
                let targets = try readTargets()
                let comparison = Comparison(
                    targets: targets, workloads: try readWorkloads(), rounds: max(1, rounds),
                    pids: try readPIDs(targets))
                let results = try comparison.run { StandardStreams.complain("# \($0)") }
                let base = baseline ?? targets[0].name
                let report = BenchReport(isStreamed: stream, baseline: base)
                StandardStreams.print(
                    (json ? BenchJSON.text(results, isStreamed: stream, baseline: base) : report.text(results)) + "\n")
            } catch {
                StandardStreams.complain("sluice bench: \(error)")
                throw ExitCode(2)
            }
        }
    }

    /// A stand-in provider for measuring.
    struct UpstreamCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "upstream",
            abstract: "Serve canned answers and evenly paced streams whose chunks carry their sending time.",
            discussion: "It judges nothing and enforces nothing; `sluice provider` is the one that behaves like OpenAI."
        )

        @Option(help: "unix:/path or 127.0.0.1:8080.")
        var listen: String

        @Option(help: "Chunks of a stream.")
        var chunks = 50

        @Option(help: "Time between two chunks of a stream.")
        var interval = DurationArgument(.milliseconds(50))

        @Option(help: "Bytes of a plain answer's body.")
        var bodySize = 994

        func run() throws {
            guard let address = SocketAddress(listen), chunks > 0 else {
                StandardStreams.complain("sluice bench upstream: listen at unix:/path or 127.0.0.1:8080; chunks from 1")
                throw ExitCode(2)
            }
            let stop = StopFlag()
            defer { stop.disarm() }
            do {
                let settings = PacedUpstream.Settings(
                    chunks: chunks, intervalNS: interval.nanoseconds, bodySize: bodySize)
                let upstream = try PacedUpstream(address, settings)
                StandardStreams.complain("serving at \(address)")
                upstream.serve { stop.isSet }
            } catch {
                StandardStreams.complain("sluice bench upstream: \(error)")
                throw ExitCode(2)
            }
        }
    }
}

extension BenchCommand.RunCommand {
    private func readTargets() throws(BenchError) -> [BenchTarget] {
        guard target.isEmpty else {
            var targets: [BenchTarget] = []
            for text in target { targets.append(try BenchTarget(text)) }
            guard baseline.map({ name in targets.contains { $0.name == name } }) ?? true else {
                throw BenchError("--baseline names no target; the names are \(targets.map(\.name))")
            }
            return targets
        }
        let places = SocketPlaces().paths
        guard let path = places.first(where: { access($0, F_OK) == 0 }) else {
            throw BenchError("no agent at \(places.joined(separator: ", ")); start one, or name a --target")
        }
        return [try BenchTarget("agent=agent:\(path)")]
    }

    private func readWorkloads() throws(BenchError) -> [Workload] {
        var workloads: [Workload] = []
        for text in inFlight.split(separator: ",") {
            guard let count = Int(text), (1...65536).contains(count) else {
                throw BenchError("--in-flight takes numbers from 1 to 65536 with commas, not “\(text)”")
            }
            // An agent takes 256 calls on one connection.
            let links = max(connections ?? min(8, count), (count + 255) / 256)
            workloads.append(
                Workload(
                    body: Workload.chatBody(size: bodySize, isStreamed: stream), isStreamed: stream, inFlight: count,
                    connections: max(1, links), warmUpNS: warmUp.nanoseconds,
                    length: calls.map { .calls(max(1, $0)) } ?? .timeNS(duration.nanoseconds)))
        }
        return workloads
    }

    private func readPIDs(_ targets: [BenchTarget]) throws(BenchError) -> [String: [Int]] {
        var pids: [String: [Int]] = [:]
        for text in pid {
            let parts = text.split(separator: "=", maxSplits: 1)
            let name = parts.count == 2 ? String(parts[0]) : targets[0].name
            let numbers = (parts.last ?? "").split(separator: ",").map { Int($0) }
            guard !numbers.isEmpty, !numbers.contains(nil), targets.contains(where: { $0.name == name }) else {
                throw BenchError("--pid takes 12,34 or NAME=12,34 with a target's name, not “\(text)”")
            }
            pids[name, default: []] += numbers.compactMap(\.self)
        }
        return pids
    }
}

/// Is set by SIGINT or SIGTERM.
private final class StopFlag {
    private let flag: Flag
    private var sources: [any DispatchSourceSignal] = []

    private final class Flag: Sendable {
        let value = Atomic(false)
    }

    var isSet: Bool { flag.value.load(ordering: .relaxed) }

    init() {
        let flag = Flag()
        self.flag = flag
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { flag.value.store(true, ordering: .relaxed) }
            source.resume()
            sources.append(source)
        }
    }

    func disarm() {
        for source in sources { source.cancel() }
    }
}
