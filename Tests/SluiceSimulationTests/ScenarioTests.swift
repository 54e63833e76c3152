import Foundation
import SluiceConfig
import SluicePolicy
import Testing

@testable import SluiceSimulation

@Suite("Scenarios")
struct ScenarioTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources/SluiceSimulation")

    private static func file(_ name: String) throws -> String {
        try String(contentsOf: folder.appending(path: "Scenarios/\(name).yaml"), encoding: .utf8)
    }

    @Test("The built-in text is the file, word for word, and can be read", arguments: BuiltInScenarios.names)
    func builtIn(_ name: String) throws {
        let text = try #require(BuiltInScenarios.text(name))
        #expect(text == (try Self.file(name)))
        let scenario = try Scenario.parse(text, file: name)
        #expect(scenario.name == name && !scenario.traffic.isEmpty)
    }

    @Test("No scenario lies beside them that has no name")
    func complete() throws {
        let files = try FileManager.default.contentsOfDirectory(
            atPath: Self.folder.appending(path: "Scenarios").path)
        #expect(files.sorted() == BuiltInScenarios.names.map { "\($0).yaml" }.sorted())
    }

    @Test("The page shows each scenario with its command")
    func page() throws {
        let page = try String(contentsOf: Self.folder.appending(path: "SCENARIOS.md"), encoding: .utf8)
        for name in BuiltInScenarios.names {
            #expect(page.contains("sluice simulate --scenario \(name)"), "\(name)")
        }
    }

    private static let head = "pools: [{name: p}]\ntraffic:\n  - "

    @Test(
        "A mistake is told with its line, its path and a cure",
        arguments: [
            ("pools: [{name: p}]\ntraffic: [{arrivals: {per_minute: 1}, lane: bulk}]", "lane", "allowed: interactive"),
            (head + "{arrivals: {per_minute: 1}, pool: q}", "pool", "known: p"),
            (head + "{arrivals: {per_minute: 1, callers: 3}}", "arrivals", "give one of"),
            (head + "{arrivals: {}}", "arrivals", "give one of"),
            (head + "{lane: batch}", "arrivals", "add arrivals"),
            (head + "{arrivals: {per_minute: 1}, input_tokens: {middle: 4}}", "input_tokens.middle", "median"),
            (head + "{arrivals: {per_minute: 1}, deadline: {min: 5s, max: 1s}}", "deadline", "swap them"),
            (head + "{arrivals: {per_minute: 1}, deadline: 10}", "deadline", "write 10s or 10ms"),
            (head + "{arrivals: {per_minute: 1}, until: 0s}", "until", "allowed: 1ms"),
            (head + "{arrivals: {per_minute: 1}, from: 5s, until: 4s}", "until", "make it later"),
            (head + "{arrivals: {per_minute: 1}, fallbacks: [{pool: p, on: [never]}]}", "on", "breaker_open"),
            ("pools: []\ntraffic: []", "pools", "add one"),
            ("pools: [{name: p}, {name: p}]\ntraffic: [{arrivals: {per_minute: 1}}]", "pools[1]", "its own name"),
            ("pools: [{name: p, provider: {schedule: [{what: smoke}]}}]\ntraffic: []", "what", "refuse"),
            ("warm_up: 2h\npools: [{name: p}]\ntraffic: [{arrivals: {per_minute: 1}}]", "warm_up", "shorter"),
            ("traffic: [{arrivals: {per_minute: 1}}]", "pools", "add pools"),
            ("tenants: [{name: t, weight: 0}]\n" + head + "{arrivals: {per_minute: 1}}", "weight", "1 to"),
        ])
    func mistakes(_ text: String, _ path: String, _ cure: String) throws {
        let error = try #require(throws: InvalidConfiguration.self) { try Scenario.parse(text, file: "s.yaml") }
        let all = error.description
        let hit = error.problems.contains { $0.path.contains(path) && "\($0)".contains(cure) }
        #expect(hit, "\(all)")
        #expect(error.problems.allSatisfy { $0.line > 0 }, "\(all)")
    }

    @Test("A group of tenants becomes as many, and traffic for it as many sources")
    func groups() throws {
        let scenario = try Scenario.parse(
            """
            pools: [{name: p, keys: 2}]
            tenants: [{name: shop, count: 3, weight: 2}, {name: other}]
            traffic: [{tenants: [shop, other], arrivals: {poisson_per_minute: 6}}]
            """, file: "s.yaml")
        #expect(scenario.tenants.map(\.name) == ["shop-1", "shop-2", "shop-3", "other"])
        #expect(scenario.tenants.map(\.parameters.weight) == [2, 2, 2, 1])
        #expect(scenario.traffic.map(\.tenant) == [0, 1, 2, 3])
    }

    @Test("Lanes, breaker, retries and provider are read")
    func settings() throws {
        let scenario = try Scenario.parse(
            """
            lanes: {interactive: {share: 8, shed_target: "off", retry_window: 3s}, batch: {waits_for_breaker: false}}
            breaker: {minimum_calls: 7, slow_call: 2s}
            retries: {attempts: 5}
            pools:
              - name: p
                requests_per_minute: 100
                provider:
                  requests_per_minute: 50
                  tokens_per_minute: "off"
                  schedule:
                    - {at: 5m, what: error, percent: 30}
                    - {at: 1m, for: 2m, what: limits, requests_per_minute: 9}
            traffic: [{arrivals: {bursts_at: [5s, 1s], calls: 3, over: 2s}}]
            """, file: "s.yaml")
        #expect(scenario.policy.lanes[0].share == 8 && scenario.policy.lanes[0].shedTargetMicroseconds == nil)
        #expect(scenario.policy.lanes[0].retryWindowMicroseconds == 3_000_000)
        #expect(!scenario.policy.lanes[2].waitsForBreaker)
        #expect(scenario.policy.breaker.minimumCalls == 7 && scenario.policy.breaker.slowMicroseconds == 2_000_000)
        #expect(scenario.policy.retries.maxAttempts == 5)
        #expect(scenario.pools[0].parameters.limits.requestsPerMinute == 100)
        #expect(scenario.pools[0].provider.limits.requestsPerMinute == 50)
        #expect(scenario.pools[0].provider.schedule.map(\.from) == [60_000_000, 300_000_000])
        #expect(scenario.pools[0].provider.schedule[0].until == 180_000_000)
        guard case .bursts(let times, 3, 2_000_000) = scenario.traffic[0].arrivals else {
            Issue.record("\(scenario.traffic[0].arrivals)")
            return
        }
        #expect(times == [1_000_000, 5_000_000])
    }
}
