/// Writes Prometheus' text format 0.0.4: `# HELP`, `# TYPE`, then one line per sample. A family without a series is
/// left out.
struct Exposition {
    private(set) var bytes: [UInt8] = []

    mutating func write(_ family: MetricFamily<Counter>) {
        writeFamily(family) { exposition, labels, counter in
            exposition.sample(family.declaration.name, labels, String(counter.value))
        }
    }

    mutating func write(_ family: MetricFamily<Gauge>) {
        writeFamily(family) { exposition, labels, gauge in
            exposition.sample(family.declaration.name, labels, Self.number(gauge.value))
        }
    }

    mutating func write(_ family: MetricFamily<Histogram>) {
        let name = family.declaration.name
        writeFamily(family) { exposition, labels, histogram in
            var cumulative: UInt64 = 0
            for (index, count) in histogram.counts.enumerated() {
                cumulative &+= count
                let bound = index < histogram.bounds.count ? Self.number(histogram.bounds[index]) : "+Inf"
                exposition.sample(name + "_bucket", Self.join(labels, "le=\"\(bound)\""), String(cumulative))
            }
            exposition.sample(name + "_sum", labels, Self.number(histogram.sum))
            exposition.sample(name + "_count", labels, String(cumulative))
        }
    }

    mutating func write(_ declaration: MetricDeclaration, _ value: Double) {
        header(declaration)
        sample(declaration.name, "", Self.number(value))
    }

    // MARK: Lines

    private mutating func writeFamily<Instrument>(
        _ family: MetricFamily<Instrument>, _ write: (inout Exposition, String, Instrument) -> Void
    ) {
        let series = family.series
        guard !series.isEmpty else { return }
        header(family.declaration)
        for (values, instrument) in series {
            write(&self, Self.labels(family.declaration.labels, values), instrument)
        }
    }

    private mutating func header(_ declaration: MetricDeclaration) {
        append("# HELP \(declaration.name) \(Self.escape(declaration.help, quotes: false))\n")
        append("# TYPE \(declaration.name) \(declaration.kind.rawValue)\n")
    }

    private mutating func sample(_ name: String, _ labels: String, _ value: String) {
        append(labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n")
    }

    private mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    // MARK: Pieces

    private static func labels(_ declarations: [LabelDeclaration], _ values: [String]) -> String {
        zip(declarations, values).map { "\($0.name)=\"\(escape($1, quotes: true))\"" }.joined(separator: ",")
    }

    private static func join(_ labels: String, _ label: String) -> String {
        labels.isEmpty ? label : "\(labels),\(label)"
    }

    /// Backslash and line feed are escaped everywhere, the quote in label values. The format has no escape for other
    /// control characters; they become U+FFFD, since no name of ours has any.
    private static func escape(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            case _ where scalar.value < 0x20 || scalar.value == 0x7F: escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// A number as Go's `ParseFloat` reads it; whole numbers without a fraction.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return String(value)
    }
}
