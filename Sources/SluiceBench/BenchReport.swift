/// A comparison as people read it.
package struct BenchReport: Sendable {
    private let isStreamed: Bool
    private let baseline: String

    /// - Parameter baseline: the target that ratios refer to.
    package init(isStreamed: Bool, baseline: String) {
        self.isStreamed = isStreamed
        self.baseline = baseline
    }

    /// One table for each workload, then the errors there were.
    package func text(_ results: [[Comparison.Row]]) -> String {
        results.map { rows in
            let kind = isStreamed ? "streams" : "calls"
            let title =
                "\(rows.first?.inFlight ?? 0) \(kind) in flight, times in µs, medians of \(count(rows)) round(s)"
            return ([title] + Self.align(table(rows)) + errors(rows)).joined(separator: "\n")
        }.joined(separator: "\n\n")
    }

    private func count(_ rows: [Comparison.Row]) -> Int { rows.first?.rounds.count ?? 0 }

    private func table(_ rows: [Comparison.Row]) -> [[String]] {
        let base = rows.first { $0.target == baseline } ?? rows.first
        let head = isStreamed ? streamHead : plainHead
        return [head] + rows.map { isStreamed ? streamRow($0, base) : plainRow($0, base) }
    }

    private var plainHead: [String] {
        [
            "target", "calls/s", "×", "p50", "added", "p90", "p99", "added", "p99.9", "max", "CPU/call", "RSS MiB",
            "peak", "errors",
        ]
    }

    private func plainRow(_ row: Comparison.Row, _ base: Comparison.Row?) -> [String] {
        let figures = row.median
        let (own, other) = (figures.latency, base?.median.latency)
        return [
            row.target, Self.number(figures.callsPerSecond), ratio(figures, base), Self.number(own?.p50),
            Self.difference(own?.p50, other?.p50), Self.number(own?.p90), Self.number(own?.p99),
            Self.difference(own?.p99, other?.p99), Self.number(own?.p999), Self.number(own?.max),
            Self.number(figures.cpuPerCall, digits: 1),
        ] + memory(figures) + [String(figures.failures)]
    }

    private var streamHead: [String] {
        [
            "target", "streams/s", "chunks/s", "first p50", "first p99", "chunk p50", "added", "p90", "p99", "added",
            "p99.9", "max", "CPU/chunk", "RSS MiB", "peak", "errors",
        ]
    }

    private func streamRow(_ row: Comparison.Row, _ base: Comparison.Row?) -> [String] {
        let figures = row.median
        let (own, other) = (figures.forwarding, base?.median.forwarding)
        let chunks = figures.seconds > 0 ? Double(figures.chunks) / figures.seconds : 0
        return [
            row.target, Self.number(figures.callsPerSecond, digits: 1), Self.number(chunks),
            Self.number(figures.firstChunk?.p50), Self.number(figures.firstChunk?.p99), Self.number(own?.p50),
            Self.difference(own?.p50, other?.p50), Self.number(own?.p90), Self.number(own?.p99),
            Self.difference(own?.p99, other?.p99), Self.number(own?.p999), Self.number(own?.max),
            Self.number(figures.cpuPerChunk, digits: 1),
        ] + memory(figures) + [String(figures.failures)]
    }

    private func ratio(_ figures: Measurement, _ base: Comparison.Row?) -> String {
        guard let base, base.median.callsPerSecond > 0 else { return "–" }
        return Self.number(figures.callsPerSecond / base.median.callsPerSecond, digits: 2)
    }

    private func memory(_ figures: Measurement) -> [String] {
        guard let process = figures.process else { return ["–", "–"] }
        let mib = 1024.0 * 1024
        return [
            Self.number(Double(process.residentBefore) / mib, digits: 1) + "→"
                + Self.number(Double(process.residentAfter) / mib, digits: 1),
            Self.number(Double(process.residentPeak) / mib, digits: 1),
        ]
    }

    private func errors(_ rows: [Comparison.Row]) -> [String] {
        rows.flatMap { row in
            row.median.errors.sorted { $0.key < $1.key }.map { "  \(row.target): \($0.value) × \($0.key)" }
        }
    }
}

extension BenchReport {
    /// Grouped by thousands, with so many digits behind the point; a dash for nothing.
    static func number(_ value: Double?, digits: Int = 0) -> String {
        guard let value else { return "–" }
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        let scaled = Int((value * scale).rounded())
        let whole = String(abs(scaled) / Int(scale))
        var text = ""
        for (index, digit) in whole.enumerated() {
            if index > 0, (whole.count - index).isMultiple(of: 3) { text += "," }
            text.append(digit)
        }
        if digits > 0 {
            let rest = String(abs(scaled) % Int(scale))
            text += "." + String(repeating: "0", count: digits - rest.count) + rest
        }
        return (scaled < 0 ? "-" : "") + text
    }

    private static func difference(_ own: Double?, _ other: Double?) -> String {
        guard let own, let other else { return "–" }
        return (own >= other ? "+" : "") + number(own - other)
    }

    /// The first column to the left, all others to the right.
    private static func align(_ table: [[String]]) -> [String] {
        let widths = (table.first ?? []).indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        return table.map { row in
            zip(row, widths).enumerated().map { index, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return index == 0 ? cell.0 + padding : padding + cell.0
            }.joined(separator: "  ")
        }
    }
}
