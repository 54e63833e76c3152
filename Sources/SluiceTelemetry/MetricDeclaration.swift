/// The kind of a metric, as the exposition format names it.
package enum MetricKind: String, Sendable {
    case counter, gauge, histogram
}

/// A label and how many values it may take. Values beyond the bound are counted under `other`, so that nothing a caller
/// sends can make the exposition grow without end.
package struct LabelDeclaration: Equatable, Sendable {
    /// The label's name.
    package let name: String
    /// Distinct values, `other` not included.
    package let bound: Int

    init(_ name: String, bound: Int) {
        self.name = name
        self.bound = bound
    }
}

/// One metric: everything that the exposition and the documentation say about it. Declared in ``MetricCatalogue``.
package struct MetricDeclaration: Equatable, Sendable {
    /// The name, with its unit and `_total` where the field's conventions want them.
    package let name: String
    /// The kind.
    package let kind: MetricKind
    /// One line without a full stop.
    package let help: String
    /// The labels, in the order of the exposition.
    package let labels: [LabelDeclaration]
    /// Combinations of label values; beyond it every label is `other`.
    package let seriesBound: Int
    /// Upper bounds in seconds, for histograms.
    package let buckets: [Double]

    /// Declares a metric. Without labels there is one series.
    init(
        _ kind: MetricKind, _ name: String, _ help: String, labels: [LabelDeclaration] = [], seriesBound: Int = 1024,
        buckets: [Double] = []
    ) {
        precondition((kind == .histogram) == !buckets.isEmpty, "\(name): buckets belong to histograms")
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
        self.seriesBound = labels.isEmpty ? 1 : seriesBound
        self.buckets = buckets
    }
}
