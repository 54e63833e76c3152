import Foundation
import Glibc
import Synchronization
import Testing

/// The built `sluice` beside the test binary.
enum Binary {
    static let directory = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    static let sluice = directory.appending(path: "sluice").path

    /// The first directory of PATH that has the tool.
    static func find(_ tool: String) -> String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(tool)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}

/// A process with its output gathered, whose end can be awaited.
final class Spawned: Sendable {
    private struct State {
        var output = ""
        var code: Int32?
        var waiters: [CheckedContinuation<Int32, Never>] = []
    }

    let pid: Int32
    private let process: Process
    private let state = Mutex(State())

    /// Standard output and standard error together, so far.
    var output: String { state.withLock { $0.output } }
    var hasEnded: Bool { state.withLock { $0.code != nil } }

    init(_ tool: String, _ arguments: [String], environment: [String: String] = [:], input: String? = nil) throws {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: tool)
        process.arguments = arguments
        process.environment = environment.merging(["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/"]) { own, _ in own
        }
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        let text = Pipe()
        if let input {
            process.standardInput = text
            text.fileHandleForWriting.write(Data(input.utf8))
            text.fileHandleForWriting.closeFile()
        }
        self.process = process
        try process.run()
        pid = process.processIdentifier
        let reading = pipe.fileHandleForReading
        Thread.detachNewThread { [weak self] in
            while true {
                let data = reading.availableData
                if data.isEmpty { break }
                self?.state.withLock { $0.output += String(decoding: data, as: UTF8.self) }
            }
            process.waitUntilExit()
            self?.ended(process.terminationStatus)
        }
    }

    deinit { if process.isRunning { kill(pid, SIGKILL) } }

    private func ended(_ code: Int32) {
        let waiters = state.withLock { state in
            state.code = code
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: code) }
    }

    func signal(_ number: Int32) { kill(pid, number) }

    /// The exit code, once it and its output have ended.
    func exitCode() async -> Int32 {
        await withCheckedContinuation { continuation in
            let code = state.withLock { state in
                if state.code == nil { state.waiters.append(continuation) }
                return state.code
            }
            if let code { continuation.resume(returning: code) }
        }
    }

    func says(_ text: String) async throws {
        try await eventually("the process says \"\(text)\"; it said: \(output)") {
            output.contains(text) || hasEnded
        }
        guard output.contains(text) else { throw NeverHeld(what: "said \(text): \(output)") }
    }
}

/// `sluice agent` as a process of its own.
final class SpawnedAgent: Sendable {
    let scratch: Scratch
    let process: Spawned
    let configuration: String

    var socket: String { scratch.file("run/agent.sock") }
    var statsSocket: String { scratch.file("run/stats.sock") }
    var adminSocket: String { scratch.file("run/admin.sock") }

    /// Starts it and returns when it is ready.
    ///
    /// - Parameter limit: a command of the shell that becomes the agent.
    init(
        _ setup: Setup, _ scratch: Scratch, environment: [String: String] = [:], limit: String = ":"
    ) async throws {
        self.scratch = scratch
        configuration = try scratch.write("config.yaml", setup.yaml(scratch))
        process = try Spawned(
            "/bin/sh", ["-c", "\(limit); exec \"$0\" \"$@\"", Binary.sluice] + Self.arguments(scratch),
            environment: environment.merging(["SLUICE_TEST_KEY": "sk-test"]) { own, _ in own })
        try await process.says("ready")
    }

    static func arguments(_ scratch: Scratch) -> [String] {
        [
            "agent", "--config", scratch.file("config.yaml"), "--runtime-dir", scratch.file("run"), "--state-dir",
            scratch.file("state"),
        ]
    }

    /// SIGTERM; the exit code.
    func stop() async -> Int32 {
        process.signal(SIGTERM)
        return await process.exitCode()
    }

    func status() async throws -> Event { try await HTTPExchange.get("/status", at: statsSocket).json }
}
