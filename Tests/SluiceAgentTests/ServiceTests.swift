import Foundation
import Glibc
import Testing

@Suite("Under a service manager", .timeLimit(.minutes(1)))
struct ServiceTests {
    /// The datagrams that a service manager would get.
    private final class Manager: Sendable {
        let messages: AsyncStream<String>
        private let socket: OpenSocket

        init(_ path: String) throws {
            let descriptor = try RawSocket.bind(path, datagrams: true)
            let (stream, continuation) = AsyncStream<String>.makeStream()
            let socket = OpenSocket(descriptor)
            self.socket = socket
            messages = stream
            Thread.detachNewThread {
                while true {
                    let bytes = RawSocket.read(descriptor)
                    if bytes.isEmpty { break }
                    continuation.yield(String(decoding: bytes, as: UTF8.self))
                }
                continuation.finish()
                socket.close()
            }
        }

        deinit { socket.shut(SHUT_RDWR) }

        /// The next message with the text; those before it are passed over.
        func next(_ text: String) async throws -> String {
            var iterator = messages.makeAsyncIterator()
            while let message = await iterator.next() {
                if message.contains(text) { return message }
            }
            throw Gone()
        }
    }

    @Test("READY, STATUS, WATCHDOG, RELOADING with its time and READY again, STOPPING, EXTEND_TIMEOUT_USEC")
    func notifications() async throws {
        let scratch = try Scratch()
        let manager = try Manager(scratch.file("notify"))
        let gate = Gate()
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            gate.pass()
            exchange.json("{}")
            return true
        }
        let setup = Setup(agent: ["drain_timeout: 30s"], socket: scratch.file("raw.sock"))
        let environment = ["NOTIFY_SOCKET": scratch.file("notify"), "WATCHDOG_USEC": "300000"]
        let agent = try await SpawnedAgent(setup, scratch, environment: environment)
        #expect(try await manager.next("READY=1").contains("STATUS="))
        #expect(try await manager.next("WATCHDOG=1") == "WATCHDOG=1")
        #expect(try await manager.next("WATCHDOG=1") == "WATCHDOG=1")
        let caller = try Caller(agent.socket)
        caller.call("1", Body.chat())
        try await eventually("the call is at the provider") { upstream.received.count == 1 }
        #expect(try await manager.next("1 in flight").contains("STATUS=running"))
        agent.process.signal(SIGHUP)
        let reloading = try await manager.next("RELOADING=1").split(separator: "\n")
        let time = try #require(reloading.first { $0.hasPrefix("MONOTONIC_USEC=") }?.split(separator: "=").last)
        #expect((UInt64(time) ?? 0) > 0)
        #expect(try await manager.next("READY=1").contains("READY=1"))
        agent.process.signal(SIGTERM)
        #expect(try await manager.next("STOPPING=1").contains("STATUS=draining"))
        #expect(try await manager.next("EXTEND_TIMEOUT_USEC=").contains("EXTEND_TIMEOUT_USEC="))
        // A drain can last longer than the watchdog's patience.
        #expect(try await manager.next("WATCHDOG=1") == "WATCHDOG=1")
        gate.open()
        #expect(try await caller.end(of: "1").kind == "result")
        #expect(await agent.process.exitCode() == 0)
    }

    @Test(
        "Three sockets by name from systemd-socket-activate serve all three",
        .enabled(if: Binary.find("systemd-socket-activate") != nil))
    func socketActivation() async throws {
        let scratch = try Scratch()
        try scratch.write("config.yaml", Setup().yaml(scratch))
        let names = ["agent", "stats", "admin"]
        let listening = names.map { "--listen=\(scratch.file("\($0).sock"))" }
        let tool = try #require(Binary.find("systemd-socket-activate"))
        let process = try Spawned(
            tool,
            listening + ["--fdname=agent:stats:admin", "--setenv=SLUICE_TEST_KEY", Binary.sluice]
                + SpawnedAgent.arguments(scratch),
            environment: ["SLUICE_TEST_KEY": "sk-test"])
        try await eventually("it listens") {
            names.allSatisfy { FileManager.default.fileExists(atPath: scratch.file("\($0).sock")) }
        }
        let caller = try Caller(scratch.file("agent.sock"))
        try await caller.ping()
        #expect(try await HTTPExchange.get("/healthz", at: scratch.file("stats.sock")).body == "ok\n")
        let reloaded = try await HTTPExchange.get("/reload", at: scratch.file("admin.sock"), method: "POST")
        #expect(reloaded.body == "reloaded\n")
        // The paths belong to the service manager: none of the agent's own were made.
        #expect(!FileManager.default.fileExists(atPath: scratch.file("run/agent.sock")))
        process.signal(SIGTERM)
        #expect(await process.exitCode() == 0)
        #expect(FileManager.default.fileExists(atPath: scratch.file("agent.sock")))
    }
}
