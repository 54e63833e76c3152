import ArgumentParser
import Foundation
import SluiceConfig
import SluiceSimulation

/// `sluice simulate`
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run the policy in virtual time over a workload, a recorded trace or random ones.",
        discussion: """
            One of:
              sluice simulate --scenario monday-morning        a scenario by name, or a file of your own
              sluice simulate --trace calls.jsonl --config sluice.yaml
              sluice simulate --check --seeds 10000 --hours 1  random workloads against the invariants

            The same scenario and seed give the same run to the last bit; the run's name in the report proves it.
            Scenarios by name: \(BuiltInScenarios.names.joined(separator: ", ")).
            """)

    @Option(help: "A scenario: a name, or a file.")
    var scenario: String?

    @Option(help: "A trace that an agent wrote.")
    var trace: String?

    @Option(help: "The agent's configuration; with --trace.")
    var config: String?

    @Option(help: "Per cent of the provider's minute that was left when the trace began.")
    var providerLeft = 100

    @Flag(help: "Draw a random workload from each seed and hold it to the invariants; exit 1 when one is broken.")
    var check = false

    @Option(help: "The seed; default the scenario's own.")
    var seed: UInt64?

    @Option(help: "Run many seeds: a number of them, or FROM..TO. A broken invariant prints its seed.")
    var seeds: SeedRange?

    @Option(help: "Virtual hours of each seed of --check.")
    var hours = 1.0

    @Option(help: "Seeds at a time; each run is single-threaded.")
    var jobs = ProcessInfo.processInfo.activeProcessorCount

    @Option(help: "Write the time line: .svg or .html.")
    var picture: String?

    @Flag(help: "As JSON.")
    var json = false

    @Option(help: "Rows of the tenants' table, those with the most calls first.")
    var tenants = 24

    @Flag(help: "Print a named scenario's text instead of running it.")
    var show = false

    func validate() throws {
        let ways = [scenario != nil, trace != nil, check].filter { $0 }.count
        guard ways == 1 else { throw ValidationError("Say --scenario, --trace or --check.") }
        guard !check || picture == nil else { throw ValidationError("--picture is for one run: leave out --check.") }
        guard config == nil || trace != nil else { throw ValidationError("--config goes with --trace.") }
        guard (0...100).contains(providerLeft) else { throw ValidationError("--provider-left is 0 to 100.") }
        guard seed == nil || seeds == nil else { throw ValidationError("Say --seed or --seeds.") }
        guard (0.001...1000).contains(hours) else { throw ValidationError("--hours is 0.001 to 1000.") }
        guard (0...100_000).contains(tenants) else { throw ValidationError("--tenants is 0 to 100000.") }
        guard (1...256).contains(jobs) else { throw ValidationError("--jobs is 1 to 256.") }
        if let picture, !picture.hasSuffix(".svg"), !picture.hasSuffix(".html") {
            throw ValidationError("--picture ends in .svg or .html.")
        }
    }

    func run() throws {
        if check { return try SimulateCheck(range: seeds ?? seedRange, hours: hours, jobs: jobs, json: json).run() }
        if show, let scenario, let text = BuiltInScenarios.text(scenario) { return Terminal.say(text) }
        let scenario = try load()
        if let seeds { return try runMany(scenario, seeds) }
        var simulator = Simulator(scenario, seed: seed)
        let report = simulator.run()
        Terminal.show(json ? report.json() + "\n" : report.text(tenantRows: tenants))
        if let picture { try draw(report, picture) }
        if report.violationCount > 0 { throw ExitCode(1) }
    }

    private var seedRange: SeedRange { seed.map { SeedRange(first: $0, last: $0) } ?? SeedRange(first: 1, last: 500) }

    private func load() throws -> Scenario {
        do {
            guard let trace else { return try loadScenario() }
            let configuration = try config.map(ConfigFile.load) ?? ConfigFile.defaults()
            return try Scenario(
                trace: readTrace(trace), file: trace, configuration: configuration, leftPercent: providerLeft)
        } catch let error as InvalidConfiguration {
            Terminal.complain("\(error)")
        } catch let error as TraceProblem {
            Terminal.complain("\(error)")
        }
        throw ExitCode(2)
    }

    private func loadScenario() throws(InvalidConfiguration) -> Scenario {
        let name = scenario ?? ""
        if let text = BuiltInScenarios.text(name) { return try Scenario.parse(text, file: name) }
        if !FileManager.default.fileExists(atPath: name) {
            Terminal.complain("known by name: \(BuiltInScenarios.names.joined(separator: ", "))")
        }
        return try Scenario.load(path: name)
    }

    private func readTrace(_ path: String) throws -> [UInt8] {
        do {
            return Array(try Data(contentsOf: URL(filePath: path), options: .mappedIfSafe))
        } catch {
            Terminal.complain("cannot read \(path)")
            throw ExitCode(2)
        }
    }

    private func draw(_ report: RunReport, _ path: String) throws {
        let text = path.hasSuffix(".svg") ? report.svg() : report.html()
        do {
            try Data(text.utf8).write(to: URL(filePath: path))
        } catch {
            Terminal.complain("cannot write \(path)")
            throw ExitCode(2)
        }
        Terminal.complain("picture: \(path)")
    }

    /// One line for each seed of a scenario; exits 1 when an invariant was broken.
    private func runMany(_ scenario: Scenario, _ seeds: SeedRange) throws {
        var broken = 0
        for seed in seeds.first...seeds.last {
            var simulator = Simulator(scenario, seed: seed)
            let report = simulator.run()
            if report.violationCount > 0 { broken += 1 }
            Terminal.show(json ? report.json() + "\n" : report.line + "\n")
        }
        if broken > 0 { throw ExitCode(1) }
    }
}

/// `500` (1 to 500) or `17..20`.
struct SeedRange: ExpressibleByArgument, Equatable {
    let first: UInt64
    let last: UInt64

    /// Seeds in one go at most.
    private static let most: UInt64 = 10_000_000

    init(first: UInt64, last: UInt64) { (self.first, self.last) = (first, last) }

    init?(argument: String) {
        if let count = UInt64(argument), (1...Self.most).contains(count) {
            self.init(first: 1, last: count)
            return
        }
        guard let dots = argument.firstRange(of: ".."), let first = UInt64(argument[..<dots.lowerBound]),
            let last = UInt64(argument[dots.upperBound...]), first <= last, last - first < Self.most
        else { return nil }
        self.init(first: first, last: last)
    }
}
