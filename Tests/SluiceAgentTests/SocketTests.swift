import Foundation
import Glibc
import Logging
import SluiceAgent
import SluiceConfig
import Testing

@Suite("Listening sockets and who is on the other side", .timeLimit(.minutes(1)))
struct SocketTests {
    private func status(_ path: String) -> stat {
        var status = stat()
        lstat(path, &status)
        return status
    }

    @Test("Each socket has its own mode; defaults are 0660, 0660 and 0600")
    func modes() async throws {
        let setup = Setup(agent: ["sockets:", "  agent:", "    mode: \"0666\""])
        try await House.with(setup) { house in
            #expect(status(house.agent.paths.agentSocket).st_mode & 0o777 == 0o666)
            #expect(status(house.agent.paths.statsSocket).st_mode & 0o777 == 0o660)
            #expect(status(house.agent.paths.adminSocket).st_mode & 0o777 == 0o600)
        }
    }

    @Test("A socket is given to its group", .enabled(if: getuid() == 0, "only root may give to any group"))
    func group() async throws {
        let entry = try #require(getgrnam("daemon"))
        let setup = Setup(agent: ["sockets:", "  agent:", "    group: daemon"])
        try await House.with(setup) { house in
            #expect(status(house.agent.paths.agentSocket).st_gid == entry.pointee.gr_gid)
            #expect(status(house.agent.paths.adminSocket).st_gid == getgid())
        }
    }

    @Test("The sockets are gone when the agent has ended")
    func removed() async throws {
        let paths = try await House.with { house in
            [house.agent.paths.agentSocket, house.agent.paths.statsSocket, house.agent.paths.adminSocket]
        }
        #expect(paths.allSatisfy { !FileManager.default.fileExists(atPath: $0) })
    }

    @Test("A stale socket is replaced; a live one is refused in words, with exit code 1, and left alone")
    func staleAndLive() async throws {
        let scratch = try Scratch()
        mkdir(scratch.file("run"), 0o700)
        close(try RawSocket.bind(scratch.file("run/agent.sock")))
        let agent = try await SpawnedAgent(Setup(), scratch)
        let caller = try Caller(agent.socket)
        try await caller.ping()
        let second = try Spawned(
            Binary.sluice, SpawnedAgent.arguments(scratch), environment: ["SLUICE_TEST_KEY": "sk-test"])
        #expect(await second.exitCode() == 1)
        #expect(second.output.contains("another agent is running at \(agent.socket)"))
        try await caller.ping()
        #expect(await agent.stop() == 0)
    }

    @Test("/status knows a spawned peer by uid, gid, pid and executable")
    func peer() async throws {
        try await House.with { house in
            let script = """
                import socket, struct, sys
                s = socket.socket(socket.AF_UNIX)
                s.connect(sys.argv[1])
                p = b'{"op":"hello","proto":1,"client":"peer/1"}'
                s.sendall(struct.pack('>I', len(p)) + p)
                s.recv(4)
                print('hello', flush=True)
                s.recv(65536)
                s.recv(65536)
                """
            let peer = try Spawned("/usr/bin/python3", ["-c", script, house.socket])
            try await peer.says("hello")
            try await eventually("its executable is known") { try await house.status().has("connections.0.executable") }
            let status = try await house.status()
            #expect(status.int("connections.0.pid") == Int(peer.pid))
            #expect(status.int("connections.0.uid") == Int(getuid()))
            #expect(status.int("connections.0.gid") == Int(getgid()))
            #expect(status.string("connections.0.identity") == "uid:\(getuid())")
            #expect(status.string("connections.0.client") == "peer/1")
            let executable = URL(filePath: "/usr/bin/python3").resolvingSymlinksInPath().path
            #expect(status.string("connections.0.executable") == executable)
            peer.signal(SIGKILL)
            _ = await peer.exitCode()
            try await eventually("it is gone") { try await house.status().count("connections") == 0 }
        }
    }
}
