internal import Glibc

/// A socket with what has arrived and is not consumed, and what could not be written yet.
final class ByteChannel {
    /// Unread bytes kept at most: one frame of the largest size and one read.
    private static let inputBound = 17 * 1024 * 1024
    private static let readSize = 64 * 1024

    let descriptor: CInt
    private(set) var isClosed = false
    private var input: [UInt8]
    private var filled = 0
    private var output: [UInt8] = []
    private var written = 0

    init(descriptor: CInt) {
        self.descriptor = descriptor
        input = [UInt8](repeating: 0, count: Self.readSize)
    }

    deinit { close(descriptor) }

    /// Whether bytes wait for the socket to take them.
    var hasBacklog: Bool { written < output.count }

    func append(_ bytes: [UInt8]) { output += bytes }

    /// Reads once and lets `consume` look at all that is there; it answers how many bytes it took.
    func read(_ consume: (RawSpan) -> Int) {
        if input.count - filled < Self.readSize / 2 {
            guard input.count < Self.inputBound else {
                isClosed = true
                return
            }
            input += [UInt8](repeating: 0, count: input.count)
        }
        let count = input.withUnsafeMutableBytes { buffer in
            Glibc.read(descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
        }
        guard count > 0 else {
            isClosed = isClosed || count == 0 || !(errno == EAGAIN || errno == EINTR)
            return
        }
        filled += count
        let taken = consume(input.span.bytes.extracting(0..<filled))
        filled -= taken
        guard taken > 0, filled > 0 else { return }
        input.withUnsafeMutableBytes {
            $0.copyBytes(from: UnsafeRawBufferPointer(rebasing: $0[taken..<(taken + filled)]))
        }
    }

    /// Writes what waits; false when some of it still does.
    func flush() -> Bool {
        guard hasBacklog else { return true }
        let count = output.withUnsafeBytes { buffer in
            send(descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written, CInt(MSG_NOSIGNAL))
        }
        if count < 0 {
            isClosed = isClosed || !(errno == EAGAIN || errno == EINTR)
            return false
        }
        written += count
        guard written == output.count else { return false }
        output.removeAll(keepingCapacity: true)
        written = 0
        return true
    }
}
