import SluiceConfig

/// A number or a time, or how it is spread: `400`, `{median: 400, sigma: 0.8}`, `{min: 1, max: 9}`, `{mean: 5s}`,
/// `{values: [1, 1, 9]}`.
enum DistributionReader {
    /// Numbers from 0 to 10⁷.
    static func number(_ node: SettingNode?) -> Distribution? {
        node.flatMap { read($0) { $0.decimal(0...10_000_000) } }
    }

    /// Times up to a day, in microseconds.
    static func time(_ node: SettingNode?) -> Distribution? {
        node.flatMap { read($0) { $0.microseconds().map(Double.init) } }
    }

    private static func read(_ node: SettingNode, _ value: (SettingNode) -> Double?) -> Distribution? {
        guard node.isMapping else { return value(node).map(Distribution.constant) }
        let fields = node.fields(["median", "sigma", "most", "min", "max", "mean", "values"])
        if let median = fields["median"].flatMap(value) {
            let most = fields["most"].flatMap(value) ?? median * 1000
            return .logNormal(median: median, sigma: fields["sigma"]?.decimal(0...3) ?? 0.5, most: most)
        }
        if let mean = fields["mean"].flatMap(value) { return .exponential(mean: mean) }
        if let low = fields["min"].flatMap(value), let high = fields["max"].flatMap(value) {
            if low > high { node.report("min is more than max", suggestion: "swap them") }
            return .uniform(low, high)
        }
        if let list = fields["values"] {
            let values = list.items(maximum: 10_000).compactMap(value)
            if values.isEmpty { list.report("no value to choose from", suggestion: "list at least one") }
            return values.isEmpty ? nil : .values(values)
        }
        node.report(
            "says no distribution",
            suggestion: "write a plain value, {median, sigma}, {mean}, {min, max} or {values: [...]}")
        return nil
    }
}
