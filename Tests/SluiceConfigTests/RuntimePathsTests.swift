import Testing

@testable import SluiceConfig

@Suite("Directories and sockets")
struct RuntimePathsTests {
    private let full = [
        "RUNTIME_DIRECTORY": "/run/sluice:/run/other", "XDG_RUNTIME_DIR": "/run/user/1000",
        "STATE_DIRECTORY": "/var/lib/sluice", "XDG_STATE_HOME": "/home/x/.state", "HOME": "/home/x",
    ]

    private func resolve(
        _ text: String = "", runtime: String? = nil, state: String? = nil, without: [String] = []
    ) throws -> RuntimePaths {
        let environment = full.filter { !without.contains($0.key) }
        return try RuntimePaths.resolve(
            parse(text).agent, runtimeDirectory: runtime, stateDirectory: state, environment: environment)
    }

    @Test("the command line wins over the file, the file over systemd, systemd over the session, the session over home")
    func precedence() throws {
        let file = "agent: {runtime_dir: /f/run, state_dir: /f/state}\n"
        let all = try resolve(file, runtime: "/c/run", state: "/c/state")
        #expect([all.runtimeDirectory, all.stateDirectory] == ["/c/run", "/c/state"])
        #expect(try resolve(file).runtimeDirectory == "/f/run")
        #expect(try resolve(file).stateDirectory == "/f/state")
        #expect(try resolve().runtimeDirectory == "/run/sluice")
        #expect(try resolve().stateDirectory == "/var/lib/sluice")
        let session = try resolve(without: ["RUNTIME_DIRECTORY", "STATE_DIRECTORY"])
        #expect(session.runtimeDirectory == "/run/user/1000/sluice")
        #expect(session.stateDirectory == "/home/x/.state/sluice")
        let home = try resolve(without: ["STATE_DIRECTORY", "XDG_STATE_HOME"])
        #expect(home.stateDirectory == "/home/x/.local/state/sluice")
    }

    @Test("sockets have names of their own in the runtime directory, or the path that the file gives")
    func sockets() throws {
        let paths = try resolve("agent: {sockets: {stats: {path: /elsewhere/s.sock}}}\n")
        #expect(paths.agentSocket == "/run/sluice/agent.sock")
        #expect(paths.statsSocket == "/elsewhere/s.sock")
        #expect(paths.adminSocket == "/run/sluice/admin.sock")
    }

    @Test("without any directory the message says what to set")
    func nowhere() {
        let error = #expect(throws: InvalidConfiguration.self) {
            try RuntimePaths.resolve(AgentSettings(), environment: ["XDG_RUNTIME_DIR": "relative", "HOME": ""])
        }
        #expect(
            error?.description
                == "environment: agent.runtime_dir: no directory is named; set --runtime-dir, agent.runtime_dir or"
                + " $XDG_RUNTIME_DIR\nenvironment: agent.state_dir: no directory is named; set --state-dir,"
                + " agent.state_dir, $XDG_STATE_HOME or $HOME")
    }

    @Test("a socket path that the kernel would cut is refused")
    func tooLong() {
        let error = #expect(throws: InvalidConfiguration.self) {
            try resolve(runtime: "/" + String(repeating: "d", count: 97))
        }
        #expect(error?.problems.count == 3)
        #expect(throws: Never.self) { try resolve(runtime: "/" + String(repeating: "d", count: 95)) }
    }
}
