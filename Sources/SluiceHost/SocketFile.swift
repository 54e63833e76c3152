internal import Glibc

/// A listening Unix socket at a path, set up so that nobody can connect before its mode and group are right.
package struct SocketFile: Sendable {
    /// The listening descriptor, close-on-exec; whoever uses it closes it.
    package let descriptor: Int32
    /// Where it listens.
    package let path: String
    private let device: UInt64
    private let inode: UInt64

    /// The longest socket path in bytes.
    package static var maxPathBytes: Int { UnixAddress.maxPathBytes }

    /// How a socket is to be set up.
    package struct Options: Sendable {
        /// Permission bits of the socket: who may connect needs write permission.
        package var mode: UInt32
        /// The group by name; nil leaves the agent's own.
        package var group: String?
        /// Permission bits of the parent directory if it has to be made; one that exists is left as it is.
        package var directoryMode: UInt32
        /// Connections that may wait to be accepted; the system's net.core.somaxconn caps it.
        package var backlog: Int32

        /// Sensible defaults for everything but the mode.
        package init(mode: UInt32, group: String? = nil, directoryMode: UInt32 = 0o755, backlog: Int32 = 4_096) {
            self.mode = mode
            self.group = group
            self.directoryMode = directoryMode
            self.backlog = backlog
        }
    }

    /// Listens at `path`. Removes a socket that nobody listens on any more; refuses to replace one that is alive.
    ///
    /// Two agents that start at once are kept apart by a lock on the directory.
    package static func listen(at path: String, options: Options) throws(SocketFileError) -> SocketFile {
        let bytes = path.utf8.count
        guard path.hasPrefix("/"), !path.utf8.contains(0) else { throw .invalidPath(path) }
        guard bytes <= maxPathBytes else { throw .pathTooLong(path, bytes: bytes) }
        let group = try options.group.map { (name) throws(SocketFileError) in try groupID(of: name) }
        let directory = String(path[..<path.lastIndex(of: "/")!])
        try DirectoryMaker.make(directory.isEmpty ? "/" : directory, mode: options.directoryMode)
        let lock = try lockDirectory(directory.isEmpty ? "/" : directory)
        defer { close(lock) }
        try SocketProbe.clearStale(path)
        return try bind(path, options: options, group: group)
    }

    /// Removes the path, unless another socket is there by now. To be called before the descriptor is closed: while it
    /// is open, no other file can have its inode number.
    package func removePath() {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode else { return }
        unlink(path)
    }

    private static func lockDirectory(_ directory: String) throws(SocketFileError) -> Int32 {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(.last("open the directory \(directory)")) }
        guard retryingInterrupted({ flock(descriptor, LOCK_EX) }) == 0 else {
            let error = SystemError.last("lock the directory \(directory)")
            close(descriptor)
            throw .system(error)
        }
        return descriptor
    }

    private static func bind(_ path: String, options: Options, group: UInt32?) throws(SocketFileError) -> SocketFile {
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system(.last("make a socket")) }
        var bound = false
        do throws(SocketFileError) {
            // The file takes the socket's mode less the umask: narrow from its first moment.
            fchmod(descriptor, 0o600)
            guard UnixAddress.with(path, { Glibc.bind(descriptor, $0, $1) }) == 0 else {
                throw .system(.last("bind \(path)"))
            }
            bound = true
            try restrict(path, options: options, group: group)
            // Until now a connect was refused, whatever the mode.
            guard Glibc.listen(descriptor, options.backlog) == 0 else { throw .system(.last("listen at \(path)")) }
            var status = stat()
            guard lstat(path, &status) == 0 else { throw .system(.last("look at \(path)")) }
            return SocketFile(
                descriptor: descriptor, path: path, device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        } catch {
            close(descriptor)
            if bound { unlink(path) }
            throw error
        }
    }

    private static func restrict(_ path: String, options: Options, group: UInt32?) throws(SocketFileError) {
        if let group, let name = options.group, lchown(path, uid_t.max, group) != 0 {
            throw .groupRefused(name, code: errno)
        }
        guard chmod(path, mode_t(options.mode & 0o777)) == 0 else {
            throw .system(.last("set the mode of \(path)"))
        }
    }

    private static func groupID(of name: String) throws(SocketFileError) -> UInt32 {
        let found = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 65_536) { buffer -> UInt32? in
            var entry = group()
            var found: UnsafeMutablePointer<group>?
            let code = getgrnam_r(name, &entry, buffer.baseAddress!, buffer.count, &found)
            return code == 0 ? found?.pointee.gr_gid : nil
        }
        guard let found else { throw .unknownGroup(name) }
        return found
    }
}
