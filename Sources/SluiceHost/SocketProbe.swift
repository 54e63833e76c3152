internal import Glibc

/// Finds out whether anyone listens at a path.
enum SocketProbe {
    /// Removes a dead socket at `path`; does nothing when there is nothing.
    ///
    /// - Throws: `inUse` for a live one, `notASocket` for anything else there, `unprobeable` when it cannot be told.
    static func clearStale(_ path: String) throws(SocketFileError) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw .system(.last("look at \(path)"))
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path) }
        switch try connect(path) {
        case 0, EAGAIN, EINPROGRESS, EPROTOTYPE: throw .inUse(path)
        case ECONNREFUSED, ENOENT: break
        case let code: throw .unprobeable(path, code: code)
        }
        guard unlink(path) == 0 || errno == ENOENT else { throw .system(.last("remove the old socket \(path)")) }
    }

    /// The errno of a connect that does not wait; 0 when it was accepted into the queue.
    private static func connect(_ path: String) throws(SocketFileError) -> Int32 {
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { throw .system(.last("make a socket")) }
        defer { close(descriptor) }
        return UnixAddress.with(path) { Glibc.connect(descriptor, $0, $1) == 0 ? 0 : errno } ?? ENAMETOOLONG
    }
}
