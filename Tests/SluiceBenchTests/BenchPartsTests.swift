import Glibc
import Testing

@testable import SluiceBench

@Suite("Parts of the benchmark")
struct BenchPartsTests {
    @Test("measures the policy core: every decision takes some time, with queues and keys of any number")
    func policy() {
        for (queued, keys) in [(0, 1), (50, 3)] {
            var bench = PolicyBench(queued: queued, tenants: 5, keys: keys)
            bench.decisions = 300
            let cost = bench.run(rounds: 1)
            #expect(cost.arrive > 0 && cost.attemptEnded > 0)
        }
    }

    @Test("reads targets")
    func targets() throws {
        let agent = try BenchTarget("agent:/run/sluice/agent.sock")
        #expect(agent.kind == .agent)
        #expect(agent.address == .unix("/run/sluice/agent.sock"))
        #expect(agent.name == "agent:/run/sluice/agent.sock")
        let nginx = try BenchTarget("nginx=http:unix:/tmp/a=b.sock")
        #expect(nginx.kind == .http)
        #expect(nginx.name == "nginx")
        #expect(nginx.address == .unix("/tmp/a=b.sock"))
        #expect(try BenchTarget("http:localhost:8080").address == .ipv4("127.0.0.1", 8080))
        #expect(try BenchTarget("http:unix:/tmp/x=y").name == "http:unix:/tmp/x=y")
    }

    @Test(
        "refuses what is no target and shows the forms",
        arguments: [
            "", "agent", "agent:", "ftp:1.2.3.4:5", "http:host.example:80", "http:127.0.0.1", "http:127.0.0.1:0",
            "http:127.0.0.1:99999", "http:unix:", "=agent:/x",
        ])
    func badTargets(_ text: String) {
        let error = #expect(throws: BenchError.self) { try BenchTarget(text) }
        #expect(error?.description.contains("agent:/path/to/agent.sock") == true)
    }

    @Test("reads /proc/PID/stat, whatever the command is called")
    func processStat() throws {
        let line = "42 (a) b (c) S 1 42 42 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 3 0 99 1000000 256 1844674407"
        let stat = try #require(ProcessStat.parse(line))
        #expect(stat.cpuNS == 2_000_000_000)
        #expect(stat.residentBytes == 256 * 4096)
        #expect(ProcessStat.parse("42 (x S 1") == nil)
        #expect(ProcessStat.parse("42 (x) S 1 2") == nil)
        let own = try #require(ProcessStat.read([Int(getpid())]))
        #expect(own.residentBytes > 1_000_000)
        #expect(ProcessStat.read([]) == nil)
    }

    @Test("percentiles of a known distribution, to three digits")
    func percentiles() throws {
        var record = LatencyRecord()
        #expect(record.summary == nil)
        for value in 1...10_000 { record.record(UInt64(value) * 1000) }
        let summary = try #require(record.summary)
        #expect(abs(summary.p50 - 5000) <= 5)
        #expect(abs(summary.p90 - 9000) <= 9)
        #expect(abs(summary.p99 - 9900) <= 10)
        #expect(abs(summary.p999 - 9990) <= 10)
        #expect(abs(summary.max - 10_000) <= 10)
        record.record(.max)
        #expect(try #require(record.summary).max > 599_000_000)
    }

    @Test("bodies have the size that was asked for")
    func bodies() throws {
        #expect(Workload.chatBody(size: 955, isStreamed: false).count == 955)
        #expect(Workload.chatBody(size: 4000, isStreamed: true).count == 4000)
        #expect(CannedCompletion.body(size: 994).utf8.count == 994)
    }

    @Test("what is due first comes first")
    func dueHeap() {
        var heap = DueHeap()
        let times: [UInt64] = [50, 10, 40, 10, 30, 20, 60, 0]
        for (token, time) in times.enumerated() { heap.push(time, token) }
        var popped: [UInt64] = []
        while let entry = heap.pop(by: 55) { popped.append(entry.dueNS) }
        #expect(popped == [0, 10, 10, 20, 30, 40, 50])
        #expect(heap.earliestNS == 60)
    }

    @Test("the median of rounds is taken figure by figure, and errors add up")
    func median() {
        func round(_ calls: Int, _ p50: Double, _ errors: [String: Int]) -> Measurement {
            let latency = LatencySummary(p50: p50, p90: 2, p99: 3, p999: 4, max: 5)
            return Measurement(
                calls: calls, seconds: 2, latency: latency, chunks: 0, errors: errors,
                process: ProcessUse(cpuNS: UInt64(calls) * 1000, residentBefore: 1, residentAfter: 2, residentPeak: 3))
        }
        let median = Measurement.median([round(10, 9, ["a": 1]), round(30, 1, [:]), round(20, 5, ["a": 2, "b": 1])])
        #expect(median.callsPerSecond == 10)
        #expect(median.latency?.p50 == 5)
        #expect(median.errors == ["a": 3, "b": 1])
    }

    @Test("numbers as people read them")
    func numbers() {
        #expect(BenchReport.number(1_234_567.4) == "1,234,567")
        #expect(BenchReport.number(0.04, digits: 1) == "0.0")
        #expect(BenchReport.number(15.26, digits: 1) == "15.3")
        #expect(BenchReport.number(-1999.5) == "-2,000")
        #expect(BenchReport.number(nil) == "–")
    }
}
