internal import FoundationEssentials

/// Where an agent's socket may be, best place first.
package struct SocketPlaces: Sendable, Equatable {
    /// Paths to try one after the other.
    package var paths: [String]

    /// One place only, named by the program or the person.
    package init(path: String) { paths = [path] }

    /// `SLUICE_SOCKET` when set, and nothing else then: who names a socket does not want another one. Otherwise
    /// `$RUNTIME_DIRECTORY/agent.sock`, `$XDG_RUNTIME_DIR/sluice/agent.sock` and `/run/sluice/agent.sock`.
    ///
    /// - Parameter environment: the process's own when left out.
    package init(environment: [String: String]? = nil) {
        let environment = environment ?? ProcessInfo.processInfo.environment
        if let named = environment["SLUICE_SOCKET"], !named.isEmpty {
            paths = [named]
            return
        }
        paths = []
        // systemd separates several runtime directories by colons; the agent's socket is in the first.
        if let first = environment["RUNTIME_DIRECTORY"]?.split(separator: ":").first {
            paths.append("\(first)/agent.sock")
        }
        if let runtime = environment["XDG_RUNTIME_DIR"], !runtime.isEmpty {
            paths.append("\(runtime)/sluice/agent.sock")
        }
        paths.append("/run/sluice/agent.sock")
    }

    /// The error when none of them answered: every place with its reason, and the cure.
    func unreachable(_ reasons: [String]) -> SluiceError {
        let list = zip(paths, reasons).map { "\($0) (\($1))" }.joined(separator: ", ")
        return SluiceError(
            .clientUnreachable,
            "no agent answered at \(list). Start one with `sluice agent`, or name its socket in SLUICE_SOCKET",
            retryable: true)
    }
}
