internal import ArgumentParser

/// A duration on the command line: `250ms`, `4s`, `1.5s`, `2m`, `1h`.
struct DurationArgument: ExpressibleByArgument, Equatable {
    let duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    init?(argument: String) {
        let digits = argument.prefix { $0.isNumber || $0 == "." }
        let units: [String: Double] = ["ms": 0.001, "s": 1, "m": 60, "h": 3600]
        guard let amount = Double(digits), let unit = units[String(argument.dropFirst(digits.count))],
            amount * unit > 0, amount * unit <= 604_800
        else { return nil }
        duration = .microseconds(Int64((amount * unit * 1_000_000).rounded()))
    }

    var defaultValueDescription: String {
        let ms = duration / .milliseconds(1)
        return ms >= 1000 ? "\(Int(ms / 1000))s" : "\(Int(ms))ms"
    }

    /// Whole nanoseconds.
    var nanoseconds: UInt64 { UInt64((duration / .nanoseconds(1)).rounded()) }
}
