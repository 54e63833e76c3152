internal import Glibc

/// Makes a directory with everything above it.
enum DirectoryMaker {
    /// Makes `path` with `mode` and missing parents with 0755, whatever the umask. What exists keeps its mode.
    static func make(_ path: String, mode: UInt32) throws(SocketFileError) {
        var prefix = ""
        let parts = path.split(separator: "/")
        for (index, part) in parts.enumerated() {
            prefix += "/" + part
            let isLast = index == parts.count - 1
            if mkdir(prefix, 0o700) == 0 {
                guard chmod(prefix, mode_t(isLast ? mode & 0o7777 : 0o755)) == 0 else {
                    throw .system(.last("set the mode of the directory \(prefix)"))
                }
            } else if errno != EEXIST {
                var status = stat()
                let code = errno
                guard stat(prefix, &status) == 0 else {
                    throw .system(SystemError("create the directory \(prefix)", code: code))
                }
            }
        }
    }
}
