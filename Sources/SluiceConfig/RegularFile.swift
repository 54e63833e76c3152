import Glibc

/// Reads small files that an administrator wrote, without being led astray by a pipe or a device in their place.
enum RegularFile {
    /// What can go wrong; the text names no content.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// A file's bytes and its permission bits at the time they were read.
    struct Contents {
        let bytes: [UInt8]
        let mode: mode_t
    }

    /// Reads a regular file of at most `maximum` bytes. Follows symbolic links.
    static func read(_ path: String, maximum: Int) throws(Failure) -> Contents {
        // O_NONBLOCK: opening a named pipe must not wait for a writer; it is refused below.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw Failure(description: "cannot be opened: \(reason())") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Failure(description: "cannot be examined: \(reason())") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(description: "is not a regular file") }
        let bytes = try bytes(descriptor, maximum)
        guard bytes.count <= maximum else {
            throw Failure(description: "is larger than \(SizeFormat.write(maximum))")
        }
        return Contents(bytes: bytes, mode: status.st_mode & 0o7777)
    }

    /// At most one byte more than `maximum`, whatever the size was said to be.
    private static func bytes(_ descriptor: CInt, _ maximum: Int) throws(Failure) -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(maximum + 1, 64 << 10))
        while result.count <= maximum {
            let wanted = min(buffer.count, maximum + 1 - result.count)
            let count = Glibc.read(descriptor, &buffer, wanted)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(description: "cannot be read: \(reason())") }
            guard count > 0 else { break }
            result += buffer[..<count]
        }
        return result
    }

    private static func reason() -> String {
        String(cString: strerror(errno))
    }
}
