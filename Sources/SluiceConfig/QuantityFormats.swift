/// Spans of time as the file writes them: `250ms`, `5s`, `2m`, `1h30m`. Whole numbers, units in falling order, each
/// at most once.
enum DurationFormat {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// Reads a span of time.
    @Sendable static func parse(_ scalar: Scalar) throws(Fault) -> Duration {
        let text = scalar.text
        if !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) {
            throw Fault("the duration \(text) has no unit", suggestion: "write \(text)s or \(text)ms")
        }
        guard let milliseconds = total(of: text) else {
            throw Fault("expected a duration such as 250ms, 5s, 2m or 1h30m, found \(quoted(text))")
        }
        return .milliseconds(milliseconds)
    }

    /// Writes a span of time in the largest units that express it without a fraction of a millisecond.
    @Sendable static func write(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        var rest = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        guard rest > 0 else { return "0s" }
        var text = ""
        for unit in units where rest >= unit.milliseconds {
            text += "\(rest / unit.milliseconds)\(unit.name)"
            rest %= unit.milliseconds
        }
        return text
    }

    private static func total(of text: String) -> Int64? {
        var rest = Substring(text)
        var sum: Int64 = 0
        var smallest = Int64.max
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let name = rest.dropFirst(digits.count).prefix { $0.isLetter }
            guard let count = Int64(digits), let unit = units.first(where: { $0.name == name }),
                unit.milliseconds < smallest
            else { return nil }
            let (product, overflow) = count.multipliedReportingOverflow(by: unit.milliseconds)
            guard !overflow, product < Int64.max / 8 - sum else { return nil }
            sum += product
            smallest = unit.milliseconds
            rest = rest.dropFirst(digits.count + name.count)
        }
        return smallest == .max ? nil : sum
    }
}

/// Numbers of bytes as the file writes them: `4MiB`, `64KB`, `1024`. KiB, MiB and GiB count by 1,024; KB, MB and GB by
/// 1,000.
enum SizeFormat {
    private static let units: [(name: String, bytes: Int)] = [
        ("GiB", 1 << 30), ("GB", 1_000_000_000), ("MiB", 1 << 20), ("MB", 1_000_000),
        ("KiB", 1 << 10), ("KB", 1000), ("B", 1), ("", 1),
    ]

    /// Reads a number of bytes.
    @Sendable static func parse(_ scalar: Scalar) throws(Fault) -> Int {
        let digits = scalar.text.prefix { $0.isASCII && $0.isNumber }
        let name = scalar.text.dropFirst(digits.count)
        guard let count = Int(digits), let unit = units.first(where: { $0.name == name }) else {
            throw Fault(
                "expected a size such as 4MiB, 64KB or 1024, found \(quoted(scalar.text))", suggestion: cure(name))
        }
        let (product, overflow) = count.multipliedReportingOverflow(by: unit.bytes)
        guard !overflow else { throw Fault("the size \(quoted(scalar.text)) is too large to count") }
        return product
    }

    /// Writes a number of bytes with the largest unit that divides it.
    @Sendable static func write(_ bytes: Int) -> String {
        guard bytes > 0, let unit = units.first(where: { bytes % $0.bytes == 0 && $0.bytes > 1 }) else {
            return String(bytes)
        }
        return "\(bytes / unit.bytes)\(unit.name)"
    }

    private static func cure(_ name: Substring) -> String? {
        let wanted = name.lowercased()
        guard !wanted.isEmpty else { return nil }
        let near = units.first { $0.name.lowercased() == wanted || $0.name.lowercased() == wanted + "b" }
        return near.map { "did you mean \($0.name)?" }
    }
}
