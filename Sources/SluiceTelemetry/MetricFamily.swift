/// The series of one metric, by their label values. Owned by one thread.
///
/// Looking a series up costs a hash of its values; a hot path does it once and keeps the instrument it gets. Two bounds
/// hold: values per label, and series altogether; what does not fit is counted under `other`, and the lookup is counted
/// in `sluice_metric_label_overflows_total`.
package final class MetricFamily<Instrument> {
    /// What takes the place of a value beyond the bound.
    package static var overflowValue: String { "other" }
    /// Longer label values are cut at a character boundary, in bytes of UTF-8.
    package static var maximumValueLength: Int { 128 }

    /// What the family was declared as.
    package let declaration: MetricDeclaration
    private let make: () -> Instrument
    private let overflow: Counter?
    private var instruments: [[String]: Instrument] = [:]
    private var order: [[String]] = []
    private var known: [Set<String>]

    init(_ declaration: MetricDeclaration, overflow: Counter?, make: @escaping () -> Instrument) {
        self.declaration = declaration
        self.overflow = overflow
        self.make = make
        self.known = declaration.labels.map { _ in [] }
    }

    /// The series with these label values, in the order of the declaration; made when it is not there yet.
    package func labelled(_ values: String...) -> Instrument {
        labelled(values)
    }

    /// The series with these label values.
    package func labelled(_ values: [String]) -> Instrument {
        precondition(
            values.count == declaration.labels.count,
            "\(declaration.name) has \(declaration.labels.count) labels, not \(values.count)")
        if let instrument = instruments[values] { return instrument }
        let admitted = admit(values)
        if admitted != values.map(Self.cut) { overflow?.increment() }
        if let instrument = instruments[admitted] { return instrument }
        let instrument = make()
        instruments[admitted] = instrument
        order.append(admitted)
        return instrument
    }

    /// Series in the order in which they were first used.
    var series: [(values: [String], instrument: Instrument)] {
        order.compactMap { values in instruments[values].map { (values, $0) } }
    }

    private func admit(_ values: [String]) -> [String] {
        let admitted = zip(values.map(Self.cut), declaration.labels).enumerated().map { index, pair in
            admits(pair.0, index, pair.1) ? pair.0 : Self.overflowValue
        }
        if instruments[admitted] != nil { return admitted }
        // One place is kept for the series into which everything else falls.
        guard order.count < declaration.seriesBound - 1 || declaration.labels.isEmpty else {
            return values.map { _ in Self.overflowValue }
        }
        for (index, value) in admitted.enumerated() where value != Self.overflowValue { known[index].insert(value) }
        return admitted
    }

    private func admits(_ value: String, _ index: Int, _ label: LabelDeclaration) -> Bool {
        known[index].contains(value) || known[index].count < label.bound
    }

    private static func cut(_ value: String) -> String {
        guard value.utf8.count > maximumValueLength else { return value }
        var result = ""
        for character in value where result.utf8.count + character.utf8.count <= maximumValueLength {
            result.append(character)
        }
        return result
    }
}
