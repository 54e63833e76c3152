import SluiceConfig
import SluicePolicy
import Testing

@testable import SluiceSimulation

@Suite("Replays of a trace")
struct ReplayTests {
    private static let configuration = """
        upstreams: [{name: u, base_url: "http://127.0.0.1:9/v1", keys: [{name: k, env: K}]}]
        pools: [{name: p, models: ["m"], requests_per_minute: 600, initial_in_flight: 1000, max_in_flight: 1000}]
        plans: [{name: gold, weight: 7, max_in_flight: 3}]
        tenants: [{name: "a*", plan: gold}]
        lanes: {batch: {share: 9}}
        """

    private static func configured() throws -> Configuration {
        try ConfigurationLoader.parse(Array(configuration.utf8), file: "a.yaml")
    }

    private static func line(
        at: Int, tenant: String = "b", pool: String = "p", outcome: String = "ok", upstream: Int? = 250_000
    ) -> String {
        let service = upstream.map { ",\"upstream_us\":\($0),\"first_byte_us\":\($0)" } ?? ""
        return """
            {"at_us":\(at),"lane":"interactive","tenant":"\(tenant)","model":"m","endpoint":"/v1/chat/completions",\
            "pool":"\(pool)","bytes":400,"reserved_tokens":150,"max_output":50,"stream":false,"deadline_ms":60000,\
            "input_tokens":100,"output_tokens":20,"queued_us":0\(service),"attempts":1,"outcome":"\(outcome)"}
            """
    }

    private static func scenario(_ lines: [String]) throws -> Scenario {
        let text = lines.joined(separator: "\n") + "\n"
        return try Scenario(trace: Array(text.utf8), file: "t.jsonl", configuration: configured())
    }

    /// One late call, for a replay ends with its trace; and as in the runs: 47 go at once, the k-th after them at
    /// k / 9.5 s; each is answered after its measured time.
    @Test("The engine decides the waits, the trace the times of service")
    func waits() throws {
        let burst = (0..<142).map { _ in Self.line(at: 1_000_000) }
        var simulator = Simulator(try Self.scenario(burst + [Self.line(at: 40_000_000)]))
        let report = simulator.run()
        let row = report.tally.lane(.interactive)
        #expect(row.served == 143 && report.pools[0].requests == 143 && report.pools[0].tokens == 143 * 120)
        let last = try #require(row.waits.percentile(perMille: 1000))
        #expect(abs(last - 10_000_000) < 100_000, "\(last)")
        let answer = try #require(row.answers.percentile(perMille: 1000))
        #expect(abs(answer - 10_250_000) < 100_000, "\(answer)")
    }

    @Test("Calls come in the order of time, whatever the order of the lines; lines of a file may be empty")
    func order() throws {
        let scenario = try Self.scenario([Self.line(at: 9), "", Self.line(at: 5), Self.line(at: 7)])
        #expect(scenario.recorded.map(\.at) == [5, 7, 9])
    }

    @Test("Plans, lanes and limits are the configuration's")
    func settings() throws {
        let lines = [Self.line(at: 1, tenant: "acme"), Self.line(at: 2), Self.line(at: 3, pool: "q")]
        let scenario = try Self.scenario(lines)
        #expect(scenario.tenants.map(\.name) == ["acme", "b"])
        #expect(scenario.tenants[0].parameters.weight == 7 && scenario.tenants[0].parameters.maxInFlight == 3)
        #expect(scenario.policy.lanes[2].share == 9)
        #expect(scenario.pools.map(\.name) == ["p", "q"])
        #expect(scenario.pools[0].parameters.limits.requestsPerMinute == 600)
    }

    @Test("A call that was never answered is given an answered call's time; one that was cancelled is cancelled again")
    func unanswered() throws {
        let scenario = try Self.scenario([
            Self.line(at: 1), Self.line(at: 2, outcome: "policy_deadline", upstream: nil),
            Self.line(at: 3, outcome: "caller_cancelled", upstream: 70),
        ])
        #expect(scenario.recorded[1].service == MeasuredService(total: 250_000, firstByte: 250_000))
        // The trace ends at 250,001 µs, and with it whoever is still there.
        #expect(scenario.recorded.map(\.cancelAfter) == [250_001, 250_000, 70])
    }

    @Test(
        "What cannot be read is told with its line",
        arguments: [
            ("", "t.jsonl:1: no call"), ("{\"at_us\":1}", "t.jsonl:1: no text \"lane\""),
            ("[]", "t.jsonl:1: is not one"),
            (line(at: 1) + "\n" + line(at: 2).dropLast(), "t.jsonl:2: is not one"),
            (line(at: 1).replacing("interactive", with: "fast"), "lane \"fast\""),
            (line(at: 1).replacing("\"bytes\":400", with: "\"bytes\":-4"), "no whole number \"bytes\""),
        ])
    func mistakes(_ text: String, _ message: String) throws {
        let problem = try #require(throws: TraceProblem.self) {
            try Scenario(trace: Array(text.utf8), file: "t.jsonl", configuration: Self.configured())
        }
        #expect(problem.description.contains(message), "\(problem)")
    }
}
