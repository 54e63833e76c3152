import SluiceWire
import Testing

@testable import SluiceBench

@Suite("Load on real sockets", .timeLimit(.minutes(1)))
struct LoadRunTests {
    private static func workload(streamed: Bool, inFlight: Int, calls: Int) -> Workload {
        Workload(
            body: Workload.chatBody(size: 955, isStreamed: streamed), isStreamed: streamed, inFlight: inFlight,
            connections: 3, warmUpNS: 0, length: .calls(calls))
    }

    @Test("plain calls over HTTP: every call counted once, the process found behind the socket")
    func plainHTTP() throws {
        let server = try ServingThread.paced()
        defer { server.stop() }
        let target = try BenchTarget("http:\(server.address)")
        let result = try LoadRun(target, Self.workload(streamed: false, inFlight: 4, calls: 500)).run()
        #expect(result.calls >= 500)
        #expect(result.errors.isEmpty)
        #expect(result.callsPerSecond > 0)
        let latency = try #require(result.latency)
        #expect(latency.p50 <= latency.p99)
        #expect(latency.p99 <= latency.max)
        #expect(try #require(result.process).residentPeak > 0)
    }

    @Test("streams over HTTP: every chunk counted, with its time on the way")
    func streamedHTTP() throws {
        let server = try ServingThread.paced(chunks: 4)
        defer { server.stop() }
        let target = try BenchTarget("http:\(server.address)")
        let result = try LoadRun(target, Self.workload(streamed: true, inFlight: 8, calls: 100)).run()
        #expect(result.errors.isEmpty)
        #expect(result.calls >= 100)
        // Streams that began before the measured time have chunks that are not counted.
        #expect(result.chunks >= 4 * (100 - 8))
        #expect(try #require(result.forwarding).p50 > 0)
        #expect(try #require(result.firstChunk).p50 <= (try #require(result.latency)).p50)
    }

    @Test("calls over frames: plain and streamed, failures told apart by code", arguments: [false, true])
    func agent(streamed: Bool) throws {
        let server = try ServingThread.agent(failEvery: 5)
        defer { server.stop() }
        let target = try BenchTarget("agent:\(server.path)")
        let result = try LoadRun(target, Self.workload(streamed: streamed, inFlight: 16, calls: 500)).run()
        #expect(Set(result.errors.keys) == ["policy_queue_full"])
        #expect(result.calls + result.failures >= 500)
        #expect(result.failures >= 500 / 5 - 16)
        #expect(streamed ? result.chunks >= 3 * (result.calls - 16) : result.chunks == 0)
        #expect((result.forwarding != nil) == streamed)
    }

    @Test("a target that is not there, and one that hangs up, end the run with the reason")
    func broken() throws {
        let nowhere = try BenchTarget("agent:/nonexistent/agent.sock")
        let error = #expect(throws: BenchError.self) {
            try LoadRun(nowhere, Self.workload(streamed: false, inFlight: 1, calls: 1)).run()
        }
        #expect(error?.description.contains("No such file") == true)
        let server = try ServingThread.agent(failEvery: nil)
        defer { server.stop() }
        let wrong = try BenchTarget("wrong=http:\(server.address)")
        let hangUp = #expect(throws: BenchError.self) {
            try LoadRun(wrong, Self.workload(streamed: false, inFlight: 1, calls: 1000)).run()
        }
        #expect(hangUp?.description.contains("wrong breaks its connections") == true)
    }

    @Test("targets take turns, and the report names them all")
    func comparison() throws {
        let (first, second) = (try ServingThread.paced(), try ServingThread.agent(failEvery: nil))
        defer {
            first.stop()
            second.stop()
        }
        let targets = [try BenchTarget("direct=http:\(first.address)"), try BenchTarget("agent=agent:\(second.path)")]
        let workload = Self.workload(streamed: false, inFlight: 2, calls: 50)
        var order: [String] = []
        let results = try Comparison(targets: targets, workloads: [workload], rounds: 2).run {
            order.append(String($0.prefix { $0 != "," }))
        }
        #expect(order == ["direct", "agent", "direct", "agent"])
        let text = BenchReport(isStreamed: false, baseline: "direct").text(results)
        let lines = text.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines[2].hasPrefix("direct") && lines[3].hasPrefix("agent "))
        let json = Array(BenchJSON.text(results, isStreamed: false, baseline: "direct").utf8)
        #expect(throws: Never.self) { try JSONReader.validate(json.span.bytes) }
    }

    @Test("requests are cut out of the stream by their length")
    func requests() {
        let text = "POST /v1/x HTTP/1.1\r\nContent-Length: 15\r\n\r\n{\"stream\":true}GET / HTTP/1.1\r\n\r\nPOST"
        let bytes = Array(text.utf8)
        var isStreamed: [Bool] = []
        #expect(PacedUpstream.requests(in: bytes.span.bytes, isStreamed: &isStreamed) == bytes.count - 4)
        #expect(isStreamed == [true, false])
    }
}
