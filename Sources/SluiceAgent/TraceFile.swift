import Glibc

/// The file of a trace: made anew for each recorder, readable by its owner only, never larger than its cap, and always
/// ending with a whole line.
struct TraceFile: ~Copyable {
    /// Why no trace could be begun, or why one ended.
    struct Failure: Error, Equatable, CustomStringConvertible {
        let description: String
    }

    /// Lines are gathered up to this size, so that a busy agent does not make a system call for each.
    private static let bufferSize = 64 * 1024

    /// Lines that are on the disk.
    private(set) var lines = 0
    private let descriptor: CInt
    private let maxSize: Int
    private var buffer: [UInt8] = []
    private var bufferedLines = 0
    /// Bytes on the disk, all of them whole lines.
    private var size = 0

    /// Creates the file. A trace that is there already is kept under the same name with `.1` at its end, in place of
    /// the one before: a restart does not destroy what led to it, and the disk holds two traces at most.
    ///
    /// - Throws: ``Failure`` when the file cannot be made, or something that is no regular file has its name.
    init(path: String, maxSize: Int) throws(Failure) {
        try Self.keepOld(path)
        let opened = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw Failure(description: "\(path) cannot be created: \(Self.reason())") }
        self.init(descriptor: opened, maxSize: maxSize)
    }

    /// Takes over an open descriptor.
    init(descriptor: CInt, maxSize: Int) {
        self.descriptor = descriptor
        self.maxSize = maxSize
    }

    deinit { close(descriptor) }

    /// Adds a line, which may stay in memory until ``flush()``.
    ///
    /// - Returns: false when the line would go beyond the cap; then nothing was added.
    /// - Throws: ``Failure`` when the system refuses.
    mutating func append(_ line: [UInt8]) throws(Failure) -> Bool {
        guard size + buffer.count + line.count <= maxSize else { return false }
        buffer += line
        bufferedLines += 1
        if buffer.count >= Self.bufferSize { try flush() }
        return true
    }

    /// Writes what was added.
    ///
    /// - Throws: ``Failure`` when the system refuses; what was written of it is taken back.
    mutating func flush() throws(Failure) {
        var rest = buffer[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                let failure = Failure(description: "cannot be written: \(Self.reason())")
                ftruncate(descriptor, off_t(size))
                throw failure
            }
            rest = rest.dropFirst(count)
        }
        size += buffer.count
        lines += bufferedLines
        bufferedLines = 0
        buffer.removeAll(keepingCapacity: true)
    }

    /// Only a regular file is moved: as root, renaming whatever stands there could take a device away.
    private static func keepOld(_ path: String) throws(Failure) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(description: "\(path) is not a regular file") }
        guard rename(path, path + ".1") == 0 else {
            throw Failure(description: "\(path) cannot be renamed: \(reason())")
        }
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
