import Glibc

/// How a size or a time is spread.
enum Distribution: Sendable, Equatable {
    case constant(Double)
    case uniform(Double, Double)
    /// `median · exp(sigma · z)`, z standard normal. `most` cuts the tail.
    case logNormal(median: Double, sigma: Double, most: Double)
    case exponential(mean: Double)
    /// One of these, each as likely as it is often in the list.
    case values([Double])

    func draw(_ random: inout SeededRandom) -> Double {
        switch self {
        case .constant(let value): value
        case .uniform(let low, let high): low + (high - low) * random.unit()
        case .logNormal(let median, let sigma, let most): min(median * exp(sigma * random.normal()), most)
        case .exponential(let mean): random.exponential(mean: mean)
        case .values(let values): random.element(values)
        }
    }

    /// A whole number of at least `least` and at most 10⁹.
    func whole(_ random: inout SeededRandom, least: Int = 0) -> Int {
        max(least, Int(min(draw(&random).rounded(), 1e9)))
    }

    /// A time of at least `least` microseconds and at most a day.
    func microseconds(_ random: inout SeededRandom, least: Int64 = 0) -> Int64 {
        max(least, Int64(min(draw(&random).rounded(), 86_400e6)))
    }
}
