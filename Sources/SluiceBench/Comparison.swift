/// Several targets under the same workloads, run alternately (A B C A B C), because a machine drifts: only what is
/// measured side by side can be compared.
package struct Comparison: Sendable {
    package var targets: [BenchTarget]
    package var workloads: [Workload]
    package var rounds: Int
    /// Processes under test by the target's name; the one behind its Unix socket where nothing is said.
    package var pids: [String: [Int]]

    /// One target under one workload.
    package struct Row: Sendable, Equatable {
        package var target: String
        package var inFlight: Int
        /// In the order they were run.
        package var rounds: [Measurement]
        /// Every figure is the median of the rounds' figures; errors are added up.
        package var median: Measurement
    }

    package init(targets: [BenchTarget], workloads: [Workload], rounds: Int, pids: [String: [Int]] = [:]) {
        self.targets = targets
        self.workloads = workloads
        self.rounds = rounds
        self.pids = pids
    }

    /// Runs everything. `progress` gets one line before each run.
    ///
    /// - Throws: ``BenchError`` of the first run that failed.
    package func run(progress: (String) -> Void) throws(BenchError) -> [[Row]] {
        var results: [[Row]] = []
        for workload in workloads {
            var measured = [[Measurement]](repeating: [], count: targets.count)
            for round in 1...rounds {
                for (index, target) in targets.enumerated() {
                    progress("\(target.name), \(workload.inFlight) in flight, round \(round) of \(rounds)")
                    measured[index].append(try LoadRun(target, workload, pids: pids[target.name]).run())
                }
            }
            results.append(
                zip(targets, measured).map { target, rounds in
                    Row(
                        target: target.name, inFlight: workload.inFlight, rounds: rounds,
                        median: Measurement.median(rounds))
                })
        }
        return results
    }
}

extension Measurement {
    /// Figure by figure, the median; of an even number of rounds, the worse one of the two in the middle.
    static func median(_ rounds: [Measurement]) -> Measurement {
        precondition(!rounds.isEmpty, "no rounds")
        let errors = rounds.reduce(into: [String: Int]()) { sum, round in
            sum.merge(round.errors, uniquingKeysWith: +)
        }
        // The run with the median rate stands for what belongs together: calls, seconds, processor time.
        let typical = rounds.sorted { $0.callsPerSecond < $1.callsPerSecond }[(rounds.count - 1) / 2]
        return Measurement(
            calls: typical.calls, seconds: typical.seconds, latency: .median(rounds.compactMap(\.latency)),
            firstChunk: .median(rounds.compactMap(\.firstChunk)),
            forwarding: .median(rounds.compactMap(\.forwarding)), chunks: typical.chunks, errors: errors,
            process: typical.process)
    }
}

extension LatencySummary {
    static func median(_ rounds: [LatencySummary]) -> LatencySummary? {
        guard !rounds.isEmpty else { return nil }
        func middle(_ value: (LatencySummary) -> Double) -> Double {
            rounds.map(value).sorted()[rounds.count / 2]
        }
        return LatencySummary(
            p50: middle(\.p50), p90: middle(\.p90), p99: middle(\.p99), p999: middle(\.p999), max: middle(\.max))
    }
}
