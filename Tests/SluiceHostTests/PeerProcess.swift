import Foundation
import Glibc

/// A real process that connects to a Unix socket and stays until it is told to go.
final class PeerProcess {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    /// Starts `python3` below `wrapper` (for instance setpriv with its options), connected to `path`.
    init(connectingTo path: String, wrapper: [String] = []) throws {
        let script = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX)
            s.connect(sys.argv[1])
            print("connected", flush=True)
            sys.stdin.read()
            """
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = wrapper + ["/usr/bin/python3", "-c", script, path]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    var pid: Int32 { process.processIdentifier }

    /// Returns once it has connected.
    func waitUntilConnected() -> Bool {
        let line = Data("connected\n".utf8)
        return (try? output.fileHandleForReading.read(upToCount: line.count)) == line
    }

    /// Ends it and returns once the kernel has forgotten it.
    func end() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
