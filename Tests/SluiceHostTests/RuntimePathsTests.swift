import Testing

@testable import SluiceHost

@Suite("Where the agent's files are")
struct RuntimePathsTests {
    private func resolve(_ environment: [String: String]) throws -> [String] {
        let paths = try RuntimePaths.resolve(environment: environment)
        return [paths.runtimeDirectory, paths.stateDirectory]
    }

    @Test("What was asked for comes first, then the service manager's, then the user's own")
    func order() throws {
        var environment = ["HOME": "/home/a", "XDG_RUNTIME_DIR": "/run/user/1000"]
        #expect(try resolve(environment) == ["/run/user/1000/sluice", "/home/a/.local/state/sluice"])
        environment["XDG_STATE_HOME"] = "/home/a/state"
        #expect(try resolve(environment) == ["/run/user/1000/sluice", "/home/a/state/sluice"])
        environment["RUNTIME_DIRECTORY"] = "/run/sluice/agent:/run/other"
        environment["STATE_DIRECTORY"] = "/var/lib/sluice"
        #expect(try resolve(environment) == ["/run/sluice/agent", "/var/lib/sluice"])
        let asked = try RuntimePaths.resolve(runtimeDirectory: "/r", stateDirectory: "/s", environment: environment)
        #expect(asked.socketPath(.stats) == "/r/stats.sock")
        #expect(asked.stateDirectory == "/s")
    }

    @Test("Nothing to go by is an error that says what to do; relative directories are nothing")
    func nothing() {
        let noRuntime = #expect(throws: RuntimePathError.self) { try resolve(["HOME": "/h", "XDG_RUNTIME_DIR": "r"]) }
        #expect(noRuntime == .noRuntimeDirectory)
        #expect(noRuntime?.description.contains("--runtime-dir") == true)
        let noState = #expect(throws: RuntimePathError.self) { try resolve(["XDG_RUNTIME_DIR": "/r"]) }
        #expect(noState == .noStateDirectory)
    }
}
