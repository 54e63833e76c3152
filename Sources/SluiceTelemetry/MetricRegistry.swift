/// All metrics of one process, and their exposition. Owned by one thread, which is the only one to touch the registry,
/// its families and their instruments.
package final class MetricRegistry {
    private var names: Set<String> = []
    private var writers: [(inout Exposition) -> Void] = []
    private let overflows: MetricFamily<Counter>

    /// Creates a registry that holds the count of label overflows.
    package init() {
        overflows = MetricFamily(MetricCatalogue.labelOverflows, overflow: nil, make: Counter.init)
        register(overflows.declaration) { [overflows] in $0.write(overflows) }
    }

    /// Adds a family of counters. A name may be added once.
    package func counters(_ declaration: MetricDeclaration) -> MetricFamily<Counter> {
        precondition(declaration.kind == .counter, "\(declaration.name) is a \(declaration.kind)")
        let family = MetricFamily(declaration, overflow: overflow(of: declaration), make: Counter.init)
        register(declaration) { $0.write(family) }
        return family
    }

    /// Adds a family of gauges.
    package func gauges(_ declaration: MetricDeclaration) -> MetricFamily<Gauge> {
        precondition(declaration.kind == .gauge, "\(declaration.name) is a \(declaration.kind)")
        let family = MetricFamily(declaration, overflow: overflow(of: declaration), make: Gauge.init)
        register(declaration) { $0.write(family) }
        return family
    }

    /// Adds a family of histograms.
    package func histograms(_ declaration: MetricDeclaration) -> MetricFamily<Histogram> {
        precondition(declaration.kind == .histogram, "\(declaration.name) is a \(declaration.kind)")
        let bounds = declaration.buckets
        let family = MetricFamily(declaration, overflow: overflow(of: declaration)) { Histogram(bounds: bounds) }
        register(declaration) { $0.write(family) }
        return family
    }

    /// Adds the only counter of a metric without labels.
    package func counter(_ declaration: MetricDeclaration) -> Counter { counters(declaration).labelled([]) }

    /// Adds the only gauge of a metric without labels.
    package func gauge(_ declaration: MetricDeclaration) -> Gauge { gauges(declaration).labelled([]) }

    /// Adds a metric without labels whose value is read when it is asked for; nil leaves it out of the exposition.
    package func sampled(_ declaration: MetricDeclaration, _ read: @escaping () -> Double?) {
        register(declaration) { exposition in
            if let value = read() { exposition.write(declaration, value) }
        }
    }

    /// The exposition in Prometheus' text format 0.0.4, to be served as ``contentType``.
    package func exposition() -> [UInt8] {
        var exposition = Exposition()
        for write in writers { write(&exposition) }
        return exposition.bytes
    }

    /// The media type of ``exposition()``.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private func overflow(of declaration: MetricDeclaration) -> Counter? {
        declaration.labels.isEmpty ? nil : overflows.labelled([declaration.name])
    }

    private func register(_ declaration: MetricDeclaration, _ write: @escaping (inout Exposition) -> Void) {
        precondition(names.insert(declaration.name).inserted, "\(declaration.name) is registered twice")
        writers.append(write)
    }
}
