import Glibc

/// What the command line asks for.
struct FuzzOptions {
    var target = ""
    var iterations = 1_000_000
    var seed: UInt64 = 1
    /// The number of the first iteration: with `--iterations 1` it repeats a single input of a longer run.
    var start = 0

    /// Reads `--name value` pairs; nil when there is anything else.
    init?(_ arguments: [String]) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else { return nil }
            switch name {
            case "--target": target = value
            case "--iterations": iterations = Int(value) ?? -1
            case "--seed": seed = UInt64(value) ?? 0
            case "--start": start = Int(value) ?? -1
            default: return nil
            }
        }
        if iterations < 0 || start < 0 || target.isEmpty { return nil }
    }
}

/// Feeds one target with inputs of its own making until it breaks a promise or the count is reached.
struct FuzzRun {
    let options: FuzzOptions
    let target: any FuzzTarget

    /// - Returns: the process's exit status.
    func run() -> Int32 {
        var accepted = 0
        let begin = Self.seconds()
        for iteration in options.start..<(options.start + options.iterations) {
            // Each input depends on the seed and its own number only, so that any one can be repeated alone.
            var random = Random(seed: options.seed &+ UInt64(iteration) &* 0xD134_2543_DE82_EF95)
            let input = target.make(&random)
            if iteration % 1_000_000 == 0 {
                // A crash says no number: this line bounds it, and `--start` with `--iterations` halves it.
                print("\(options.target): seed \(options.seed), at \(iteration)")
                fflush(nil)
            }
            do {
                if try target.run(input, &random) { accepted += 1 }
            } catch {
                report(error, input, iteration)
                return 1
            }
        }
        summarise(accepted, Self.seconds() - begin)
        return 0
    }

    private func report(_ violation: Violation, _ input: [UInt8], _ iteration: Int) {
        print("broken promise: \(violation.promise)")
        let hex = input.map { (String($0, radix: 16).count == 1 ? "0" : "") + String($0, radix: 16) }
        print("input (\(input.count) bytes, hex): \(hex.joined())")
        print("repeat: --target \(options.target) --seed \(options.seed) --start \(iteration) --iterations 1")
    }

    private func summarise(_ accepted: Int, _ seconds: Double) {
        let share = options.iterations == 0 ? 0 : accepted * 1000 / options.iterations
        print(
            "\(options.target): \(options.iterations) inputs, seed \(options.seed), \(Int(seconds * 10) / 10) s, "
                + "\(Int(Double(options.iterations) / max(seconds, 0.001))) inputs/s, "
                + "accepted \(share / 10).\(share % 10) %, rejected \((1000 - share) / 10).\((1000 - share) % 10) %")
    }

    private static func seconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

#if !LIBFUZZER
    @main
    struct SluiceFuzz {
        static func main() {
            let names = FuzzTargets.all.map(\.name).joined(separator: "|")
            guard let options = FuzzOptions(Array(CommandLine.arguments.dropFirst())),
                let target = FuzzTargets.named(options.target)
            else {
                print("usage: sluice-fuzz --target \(names) [--iterations N] [--seed N] [--start N]")
                exit(2)
            }
            exit(FuzzRun(options: options, target: target).run())
        }
    }
#endif
