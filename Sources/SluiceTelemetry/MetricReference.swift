extension MetricCatalogue {
    /// The reference of all metrics as a Markdown table; the documentation holds a copy that a test can compare.
    package static func markdown() -> String {
        var text = "| metric | type | labels (values at most) | what it counts |\n|---|---|---|---|\n"
        for metric in all {
            let labels = metric.labels.map { "`\($0.name)` (\($0.bound))" }.joined(separator: ", ")
            text += "| `\(metric.name)` | \(metric.kind.rawValue) | \(labels) | \(metric.help) |\n"
        }
        return text
    }
}
