/// What is wrong with one descriptor that the service manager passed.
package enum SocketActivationProblem: Sendable, Equatable, CustomStringConvertible {
    /// `LISTEN_FDS`, `LISTEN_PID` or `LISTEN_FDNAMES` cannot be read; `code` is libsystemd's errno.
    case unreadable(code: Int32)
    /// The same name came twice.
    case duplicate(ActivatedSocketName)
    /// The descriptor is closed, or a file, pipe or other thing.
    case notASocket(ActivatedSocketName)
    /// The socket is not of type SOCK_STREAM.
    case notAStream(ActivatedSocketName)
    /// The socket's address family is not one this name may have.
    case wrongFamily(ActivatedSocketName)
    /// Nobody called listen() on it: it is a connection, or was never set up.
    case notListening(ActivatedSocketName)

    package var description: String {
        switch self {
        case .unreadable(let code):
            "the service manager's socket variables (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES) cannot be read: "
                + "\(SystemError.text(of: code)); start the agent from its .socket unit or without these variables"
        case .duplicate(let name):
            "two sockets are named \"\(name.rawValue)\"; give each .socket unit its own FileDescriptorName= "
                + "(\(SocketActivation.knownNames)) and one ListenStream="
        case .notASocket(let name):
            "the descriptor named \"\(name.rawValue)\" is not a socket; use ListenStream= in its .socket unit"
        case .notAStream(let name):
            "the socket named \"\(name.rawValue)\" is not a stream socket; "
                + "use ListenStream=, not ListenDatagram= or ListenSequentialPacket="
        case .wrongFamily(.stats):
            "the socket named \"stats\" is neither a Unix socket nor a TCP socket on loopback; "
                + "use ListenStream=/run/sluice/stats.sock or ListenStream=127.0.0.1:PORT"
        case .wrongFamily(let name):
            "the socket named \"\(name.rawValue)\" is not a Unix socket; use a path in ListenStream=, "
                + "because callers are known by what the kernel says of a Unix socket's peer"
        case .notListening(let name):
            "the socket named \"\(name.rawValue)\" is not listening; set Accept=no in its .socket unit"
        }
    }
}

/// The passed sockets cannot be used. Says everything that is wrong, not just the first thing.
package struct SocketActivationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// At least one.
    package let problems: [SocketActivationProblem]

    package var description: String {
        "socket activation: " + problems.map(\.description).joined(separator: "; ")
    }
}
