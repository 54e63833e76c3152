internal import Glibc

/// Standard input, output and error as bytes, unbuffered: what is printed is out at once.
enum StandardStreams {
    /// Bytes that are read from a file or standard input at most: the largest frame there is.
    static let inputBound = 16 * 1024 * 1024

    static var inputIsTerminal: Bool { isatty(STDIN_FILENO) == 1 }
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    static func print(_ bytes: [UInt8]) { write(bytes, to: STDOUT_FILENO) }
    static func print(_ text: String) { print(Array(text.utf8)) }
    static func complain(_ text: String) { write(Array((text + "\n").utf8), to: STDERR_FILENO) }

    /// All of a file, or of standard input for `-`. The error is the cause in words.
    static func read(_ path: String) throws(ReadFailure) -> [UInt8] {
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ReadFailure("cannot read \(path): \(String(cString: strerror(errno)))") }
        defer { if path != "-" { close(descriptor) } }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while bytes.count <= inputBound {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw ReadFailure("cannot read \(path): \(String(cString: strerror(errno)))")
            }
            bytes += buffer[..<count]
        }
        throw ReadFailure("\(path) is larger than \(inputBound) bytes, more than the agent can ever take")
    }

    private static func write(_ bytes: [UInt8], to descriptor: CInt) {
        var start = 0
        while start < bytes.count {
            let count = bytes[start...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return
            }
            start += count
        }
    }
}

/// Why a file could not be read.
struct ReadFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
