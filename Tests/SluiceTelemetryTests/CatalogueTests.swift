import Foundation
import Testing

@testable import SluiceTelemetry

/// Where the package `prometheus` puts its checker; nil where it is not installed.
private let promtoolPath = ["/usr/bin/promtool", "/usr/local/bin/promtool"].first(
    where: FileManager.default.isExecutableFile(atPath:))

@Suite("Catalogue of metrics")
struct MetricCatalogueTests {
    /// An agent's metrics with a value in every series that has labels.
    static func filled() -> AgentMetrics {
        let metrics = AgentMetrics(version: "0.1.0", startTime: 1_790_000_000.5)
        for family in [
            metrics.calls, metrics.tokens, metrics.upstreamAttempts, metrics.upstreamRateLimited, metrics.retries,
            metrics.fallbacks, metrics.receivedBytes, metrics.sentBytes, metrics.connectionsRefused,
            metrics.framesRejected,
            metrics.reloads,
        ] {
            family.labelled(family.declaration.labels.map { "\($0.name) \"1\"\n" }).increment(by: 3)
        }
        metrics.callsInFlight.labelled("openai/gpt-4o").add(1)
        metrics.queueDepth.labelled("openai/gpt-4o", "batch").add(1)
        for gauge in [metrics.concurrencyLimit, metrics.poolFrozen] { gauge.labelled("openai/gpt-4o").add(2) }
        for gauge in [metrics.breakerOpen, metrics.foreignUse] { gauge.labelled("openai/gpt-4o", "requests").add(1) }
        for family in [
            metrics.callDuration, metrics.queueWait, metrics.upstreamDuration, metrics.timeToFirstChunk,
            metrics.tokenEstimateError,
        ] {
            let histogram = family.labelled(family.declaration.labels.map(\.name))
            for value in [0.0002, 0.3, 4, 9999] { histogram.observe(seconds: value) }
        }
        return metrics
    }

    @Test("every metric of the catalogue is in the exposition, and nothing else")
    func complete() {
        let text = String(decoding: Self.filled().registry.exposition(), as: UTF8.self)
        let typed = text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
        let declared = MetricCatalogue.all.map { "# TYPE \($0.name) \($0.kind.rawValue)" }
        #expect(Set(typed.map(String.init)) == Set(declared))
        #expect(typed.count == declared.count)
    }

    @Test("names follow the conventions of the field", arguments: MetricCatalogue.all.map(\.name))
    func names(_ name: String) throws {
        let metric = try #require(MetricCatalogue.all.first { $0.name == name })
        #expect((metric.kind == .counter) == name.hasSuffix("_total"))
        #expect(metric.kind != .histogram || name.hasSuffix("_seconds") || name.hasSuffix("_ratio"))
        #expect(name.hasPrefix("sluice_") || name.hasPrefix("process_"))
        #expect(!metric.help.isEmpty && !metric.help.hasSuffix("."))
        #expect(metric.buckets == metric.buckets.sorted() && Set(metric.buckets).count == metric.buckets.count)
        #expect(metric.labels.allSatisfy { $0.bound > 0 } && metric.seriesBound > 0)
    }

    @Test("the reference has one row of four cells for each metric")
    func reference() {
        let rows = MetricCatalogue.markdown().split(separator: "\n")
        #expect(rows.count == MetricCatalogue.all.count + 2)
        #expect(rows.allSatisfy { $0.split(separator: "|", omittingEmptySubsequences: false).count == 6 })
        #expect(
            rows.contains(
                "| `sluice_queue_depth` | gauge | `pool` (256), `lane` (4) | Calls that wait in the pool's queue |"))
    }

    @Test("promtool accepts the exposition and has nothing to say", .enabled(if: promtoolPath != nil))
    func promtool() throws {
        let process = Process()
        process.executableURL = URL(filePath: try #require(promtoolPath))
        process.arguments = ["check", "metrics"]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(Self.filled().registry.exposition()))
        try input.fileHandleForWriting.close()
        let said = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(String(decoding: said, as: UTF8.self) == "")
        #expect(process.terminationStatus == 0)
    }
}

@Suite("The process's own figures")
struct ProcessSamplerTests {
    @Test("they come from the kernel")
    func real() throws {
        let sampler = ProcessSampler()
        let resident = try #require(sampler.residentBytes())
        #expect(resident > 1 << 20 && resident < 1 << 36)
        #expect(try #require(sampler.cpuSeconds()) >= 0)
        #expect(try #require(sampler.openDescriptors()) >= 3)
    }

    @Test("a command with blanks and parentheses does not shift the fields")
    func oddCommand() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "sluice-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        try FileManager.default.createDirectory(
            at: directory.appending(path: "fd"), withIntermediateDirectories: true)
        let fields = (3...20).map { "\($0 * 100)" }.joined(separator: " ")
        try "42 (a) b (c)) \(fields)\n".write(
            to: directory.appending(path: "stat"), atomically: false, encoding: .utf8)
        let sampler = ProcessSampler(directory: directory.path)
        // Fields 14 and 15 hold 1,400 and 1,500 ticks.
        #expect(sampler.cpuSeconds() == 2900 / Double(sysconf(Int32(_SC_CLK_TCK))))
        #expect(sampler.residentBytes() == nil)
    }

    @Test("without /proc they are left out, not 0")
    func missing() {
        let metrics = AgentMetrics(version: "1", startTime: 0, process: ProcessSampler(directory: "/nonexistent"))
        #expect(
            !String(decoding: metrics.registry.exposition(), as: UTF8.self).contains("process_resident_memory_bytes"))
    }
}
