import Foundation
import SluicePolicy
import Testing

@testable import SluiceSimulation

@Suite("Runs")
struct RunTests {
    private static func report(_ name: String, seed: UInt64? = nil) throws -> RunReport {
        let text = try #require(BuiltInScenarios.text(name))
        var simulator = Simulator(try Scenario.parse(text, file: name), seed: seed)
        return simulator.run()
    }

    private static func run(_ text: String) throws -> RunReport {
        var simulator = Simulator(try Scenario.parse(text, file: "s.yaml"))
        return simulator.run()
    }

    @Test("One seed is one run; another seed is another")
    func seeds() throws {
        let first = try Self.report("quota-halved")
        #expect(try Self.report("quota-halved").digest == first.digest)
        #expect(try Self.report("quota-halved").json() == first.json())
        #expect(try Self.report("quota-halved", seed: 2).digest != first.digest)
    }

    /// 47 calls of a burst go at once (five seconds of 570 a minute), the k-th after them at k / 9.5 s.
    @Test("A queue of equal calls is served at the rate of the quota, as arithmetic says")
    func arithmetic() throws {
        let report = try Self.run(
            """
            duration: 1m
            pools: [{name: p, requests_per_minute: 600, max_in_flight: 1000, initial_in_flight: 1000}]
            traffic: [{arrivals: {bursts_at: [1s], calls: 142}, deadline: 1m, lane: interactive}]
            """)
        let row = report.tally.lane(.interactive)
        #expect(row.served == 142 && row.waits.count == 142)
        let last = try #require(row.waits.percentile(perMille: 1000))
        #expect(abs(last - 10_000_000) < 100_000, "\(last)")
        #expect(row.waits.percentile(perMille: 330) == 0)
        let middle = try #require(row.waits.percentile(perMille: 666))
        #expect(abs(middle - 5_000_000) < 150_000, "\(middle)")
    }

    @Test("What everybody sees: totals are sums, spend is tokens times price")
    func sums() throws {
        let report = try Self.run(
            """
            duration: 2m
            pools: [{name: p, price: {input_per_million: 2.5, output_per_million: 10}}]
            tenants: [{name: t, count: 2}]
            traffic:
              - {tenants: [t], arrivals: {per_minute: 60}, input_tokens: 400, output_tokens: 100}
            """)
        let total = report.tally.total
        #expect(total.offered == 238 && total.served == 238)
        #expect(total.picoDollars == 238 * (400 * 2_500_000 + 100 * 10_000_000))
        #expect(Figures.dollars(total.picoDollars, 6) == "0.476000")
        #expect((0..<2).map { report.tally[$0, .normal].served } == [119, 119])
    }

    @Test("The warm-up is left out of the report")
    func warmUp() throws {
        let text = """
            duration: 2m
            warm_up: 1m
            pools: [{name: p}]
            traffic: [{arrivals: {per_minute: 60}}]
            """
        #expect(try Self.run(text).tally.total.offered == 60)
    }

    @Test("A closed source has as many calls under way as callers, whatever happens")
    func closed() throws {
        let report = try Self.run(
            """
            duration: 1m
            pools: [{name: p, provider: {first_token: 1s, tokens_per_second: 1000000, round_trip: 0s}}]
            traffic: [{arrivals: {callers: 3, think: 1s}, output_tokens: 1}]
            """)
        // Think one second, wait one: 30 rounds of three, the last of which may be under way at the end.
        #expect((84...93).contains(report.tally.total.served), "\(report.tally.total.served)")
        #expect(report.timeline.slots.allSatisfy { $0.inFlight[0] <= 3 })
    }

    @Test("Chat hardly waits beside a flood, and the job gets what is left")
    func flood() throws {
        let report = try Self.report("batch-versus-chat")
        let chat = report.tally.lane(.interactive)
        #expect(try #require(chat.waits.percentile(perMille: 950)) < 1_000_000)
        #expect(chat.served == chat.offered)
        #expect(report.tally.lane(.batch).served > 2_000)
        #expect(report.violationCount == 0)
    }

    @Test("A brown-out moves calls to the second choice and shuts the first")
    func brownOut() throws {
        let report = try Self.report("provider-brown-out")
        #expect(report.tally.lane(.interactive).fellBack > 0)
        #expect(report.pools[1].requests > 0)
        #expect(report.violationCount == 0)
    }

    @Test("JSON is JSON, and says what the table says")
    func json() throws {
        let report = try Self.report("monday-morning")
        let object = try JSONSerialization.jsonObject(with: Data(report.json().utf8)) as? [String: Any]
        let lanes = try #require(object?["lanes"] as? [[String: Any]])
        #expect(lanes.map { $0["lane"] as? String } == ["interactive", "batch"])
        let waits = try #require(lanes[0]["wait_ms"] as? [String: Double])
        #expect(Set(waits.keys) == ["p50", "p95", "p99", "mean"] && waits["p95"] ?? 0 > 0)
        let pools = try #require(object?["pools"] as? [[String: Any]])
        #expect(pools[0]["requests"] as? Int == report.pools[0].requests)
        #expect(object?["run"] as? String == report.digestText)
        #expect(report.text().contains("gpt-4o") && report.text().contains(report.digestText))
    }

    @Test("Pictures stand alone and are well-formed")
    func pictures() throws {
        let report = try Self.report("runaway-tenant")
        let (svg, html) = (report.svg(), report.html())
        #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
        #expect(html.hasPrefix("<!doctype html>") && html.contains(svg))
        for text in [svg, html] {
            let links = text.replacing("http://www.w3.org/2000/svg", with: "")
            #expect(!links.contains("http") && !links.contains("src=") && !links.contains("NaN"))
            for tag in ["svg", "text", "pre", "body", "html"] {
                #expect(
                    text.ranges(of: "<\(tag)").count { !text[$0.upperBound...].hasPrefix("s") }
                        == text.ranges(of: "</\(tag)>").count, "\(tag)")
            }
        }
    }

    @Test("What is free text in a scenario cannot break out of the page")
    func escaping() {
        #expect(SVG.escape("<b>&\"") == "&lt;b&gt;&amp;&quot;")
        var object = JSONObject()
        object.add("a\"\n", "\\")
        #expect(object.text == #"{"a\"\u000a":"\\"}"#)
    }
}
