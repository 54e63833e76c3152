import Testing

@testable import SluiceTelemetry

@Suite("Metrics")
struct MetricTests {
    private let pool = LabelDeclaration("pool", bound: 2)
    private let lane = LabelDeclaration("lane", bound: 2)

    private func text(_ registry: MetricRegistry) -> String {
        let text = String(decoding: registry.exposition(), as: UTF8.self)
        return text.split(separator: "\n").filter { !$0.contains("sluice_metric_label_overflows_total") }
            .joined(separator: "\n")
    }

    @Test("counters and gauges in the text format")
    func simple() {
        let registry = MetricRegistry()
        let calls = registry.counters(MetricDeclaration(.counter, "calls_total", "Calls", labels: [pool, lane]))
        let open = registry.gauge(MetricDeclaration(.gauge, "open", "Open\nnow \\ here"))
        calls.labelled("a", "x").increment()
        calls.labelled("b", "x").increment(by: 41)
        calls.labelled("b", "x").increment()
        open.add(2)
        open.add(-0.5)
        #expect(
            text(registry) == """
                # HELP calls_total Calls
                # TYPE calls_total counter
                calls_total{pool="a",lane="x"} 1
                calls_total{pool="b",lane="x"} 42
                # HELP open Open\\nnow \\\\ here
                # TYPE open gauge
                open 1.5
                """)
    }

    @Test("a histogram's buckets are cumulative and include their bound")
    func histogram() {
        let registry = MetricRegistry()
        let family = registry.histograms(
            MetricDeclaration(.histogram, "wait_seconds", "Wait", labels: [pool], buckets: [0.1, 1, 2.5]))
        let histogram = family.labelled("a")
        histogram.observe(.milliseconds(100))
        histogram.observe(seconds: 0.5)
        histogram.observe(seconds: 2.6)
        histogram.observe(seconds: -1)
        histogram.observe(seconds: .nan)
        #expect(histogram.count == 4)
        #expect(
            text(registry) == """
                # HELP wait_seconds Wait
                # TYPE wait_seconds histogram
                wait_seconds_bucket{pool="a",le="0.1"} 2
                wait_seconds_bucket{pool="a",le="1"} 3
                wait_seconds_bucket{pool="a",le="2.5"} 3
                wait_seconds_bucket{pool="a",le="+Inf"} 4
                wait_seconds_sum{pool="a"} 3.2
                wait_seconds_count{pool="a"} 4
                """)
    }

    @Test("a label value cannot break out of its quotes")
    func escaping() {
        let registry = MetricRegistry()
        let family = registry.gauges(MetricDeclaration(.gauge, "g", "G", labels: [pool]))
        family.labelled("a\"} 1\n\\x\u{1B}é").set(1)
        #expect(text(registry).hasSuffix("g{pool=\"a\\\"} 1\\n\\\\x\u{FFFD}é\"} 1"))
    }

    @Test("values beyond a label's bound fall into other and are counted")
    func labelBound() {
        let registry = MetricRegistry()
        let family = registry.counters(MetricDeclaration(.counter, "calls_total", "Calls", labels: [pool, lane]))
        for index in 0..<100 { family.labelled("p\(index)", "x").increment() }
        family.labelled("p1", "y").increment()
        family.labelled("other", "x").increment()
        #expect(
            text(registry) == """
                # HELP calls_total Calls
                # TYPE calls_total counter
                calls_total{pool="p0",lane="x"} 1
                calls_total{pool="p1",lane="x"} 1
                calls_total{pool="other",lane="x"} 99
                calls_total{pool="p1",lane="y"} 1
                """)
        let all = String(decoding: registry.exposition(), as: UTF8.self)
        #expect(all.contains("sluice_metric_label_overflows_total{metric=\"calls_total\"} 98\n"))
    }

    @Test("combinations beyond the series bound fall into one series")
    func seriesBound() {
        let registry = MetricRegistry()
        let wide = [LabelDeclaration("a", bound: 100), LabelDeclaration("b", bound: 100)]
        let family = registry.counters(MetricDeclaration(.counter, "c_total", "C", labels: wide, seriesBound: 10))
        for a in 0..<20 { for b in 0..<20 { family.labelled("\(a)", "\(b)").increment() } }
        #expect(family.series.count == 10)
        #expect(family.labelled("other", "other").value == 391)
        #expect(family.series.map(\.instrument.value).reduce(0, +) == 400)
    }

    @Test("long label values are cut at a character boundary")
    func longValues() {
        let registry = MetricRegistry()
        let family = registry.counters(MetricDeclaration(.counter, "c_total", "C", labels: [pool]))
        family.labelled(String(repeating: "é", count: 1000)).increment()
        #expect(family.series.map(\.values) == [[String(repeating: "é", count: 64)]])
        let overflows = String(decoding: registry.exposition(), as: UTF8.self)
        #expect(overflows.contains("sluice_metric_label_overflows_total{metric=\"c_total\"} 0\n"))
    }

    @Test("one handle is one series")
    func handles() {
        let registry = MetricRegistry()
        let family = registry.counters(MetricDeclaration(.counter, "c_total", "C", labels: [pool]))
        #expect(family.labelled("a") === family.labelled("a"))
        #expect(family.labelled("a") !== family.labelled("b"))
    }

    @Test(
        "numbers as the format wants them",
        arguments: [
            (0.0, "0"), (1, "1"), (-3, "-3"), (0.25, "0.25"), (1e14, "100000000000000"), (1e21, "1e+21"),
            (0.00001, "1e-05"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
            (1_790_000_000.123, "1790000000.123"),
        ])
    func numbers(_ value: Double, _ expected: String) {
        #expect(Exposition.number(value) == expected)
    }
}
