/// Why a listening socket cannot be put at a path, with what to do about it.
package enum SocketFileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The path has more bytes than a socket address takes (107).
    case pathTooLong(String, bytes: Int)
    /// The path is not absolute, or holds a NUL.
    case invalidPath(String)
    /// Somebody answers at the path.
    case inUse(String)
    /// There is something at the path that is not a socket.
    case notASocket(String)
    /// There is a socket at the path, and whether anyone listens there cannot be told.
    case unprobeable(String, code: Int32)
    /// The group for the socket does not exist.
    case unknownGroup(String)
    /// The socket cannot be given to the group.
    case groupRefused(String, code: Int32)
    /// A system call failed.
    case system(SystemError)

    package var description: String {
        switch self {
        case .pathTooLong(let path, let bytes):
            "the socket path \(SafeText.line(path)) has \(bytes) bytes, and the system allows "
                + "\(SocketFile.maxPathBytes); choose a shorter runtime directory"
        case .invalidPath(let path):
            "the socket path \"\(SafeText.line(path))\" is not an absolute path"
        case .inUse(let path):
            "another agent is running at \(path); stop it, or choose another runtime directory"
        case .notASocket(let path):
            "\(path) exists and is not a socket; move it away"
        case .unprobeable(let path, let code):
            "cannot tell whether another agent is running at \(path): \(SystemError.text(of: code)); "
                + "remove the socket if none is"
        case .unknownGroup(let group):
            "the group \"\(SafeText.line(group))\" does not exist; create it with groupadd --system, or "
                + "correct the name"
        case .groupRefused(let group, let code):
            "cannot give the socket to the group \"\(SafeText.line(group))\": \(SystemError.text(of: code)); "
                + "the agent must be a member of it (SupplementaryGroups= in a unit)"
        case .system(let error):
            error.description
        }
    }
}
