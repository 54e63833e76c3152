import Glibc

/// Writing for people.
enum Terminal {
    /// One or more lines on standard error.
    static func complain(_ text: String) { put(text + "\n", STDERR_FILENO) }

    /// Text on standard output, at once.
    static func show(_ text: String) { put(text, STDOUT_FILENO) }

    /// A line on standard output, at once.
    static func say(_ text: String, terminator: String = "\n") { show(text + terminator) }

    /// Whether standard output is a terminal.
    static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 }

    private static func put(_ text: String, _ descriptor: Int32) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            sent += count
        }
    }
}
