internal import SluiceWire

/// A comparison as programs read it: one JSON object, times in microseconds, memory in bytes.
package enum BenchJSON {
    /// - Parameter results: what ``Comparison/run(progress:)`` answered.
    package static func text(_ results: [[Comparison.Row]], isStreamed: Bool, baseline: String) -> String {
        let rows = results.flatMap(\.self).map { row in
            object([
                ("target", string(row.target)), ("in_flight", String(row.inFlight)),
                ("median", measurement(row.median)), ("rounds", array(row.rounds.map(measurement))),
            ])
        }
        return object([
            ("streamed", String(isStreamed)), ("baseline", string(baseline)), ("rows", array(rows)),
        ])
    }

    private static func measurement(_ figures: Measurement) -> String {
        object([
            ("calls", String(figures.calls)), ("seconds", number(figures.seconds)),
            ("calls_per_second", number(figures.callsPerSecond)), ("latency_us", latency(figures.latency)),
            ("first_chunk_us", latency(figures.firstChunk)), ("forwarding_us", latency(figures.forwarding)),
            ("chunks", String(figures.chunks)), ("cpu_per_call_us", number(figures.cpuPerCall)),
            ("cpu_per_chunk_us", number(figures.cpuPerChunk)), ("process", process(figures.process)),
            ("errors", object(figures.errors.sorted { $0.key < $1.key }.map { ($0.key, String($0.value)) })),
        ])
    }

    private static func latency(_ summary: LatencySummary?) -> String {
        guard let summary else { return "null" }
        return object([
            ("p50", number(summary.p50)), ("p90", number(summary.p90)), ("p99", number(summary.p99)),
            ("p99.9", number(summary.p999)), ("max", number(summary.max)),
        ])
    }

    private static func process(_ use: ProcessUse?) -> String {
        guard let use else { return "null" }
        return object([
            ("cpu_ns", String(use.cpuNS)), ("resident_before", String(use.residentBefore)),
            ("resident_after", String(use.residentAfter)), ("resident_peak", String(use.residentPeak)),
        ])
    }

    private static func object(_ members: [(String, String)]) -> String {
        "{" + members.map { string($0.0) + ":" + $0.1 }.joined(separator: ",") + "}"
    }

    private static func array(_ items: [String]) -> String { "[" + items.joined(separator: ",") + "]" }

    private static func string(_ text: String) -> String {
        var writer = FrameWriter()
        writer.string(text)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Rounded to thousandths, which is more than anything here can be trusted to.
    private static func number(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "null" }
        return "\((value * 1000).rounded() / 1000)"
    }
}
