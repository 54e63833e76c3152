/// Bytes of a request at a stable address, written once, shared without copying, freed with the last reference.
package final class RequestBody: Sendable {
    /// Bytes held.
    package let count: Int
    // Safe to share: nothing writes through it after `init` returns.
    nonisolated(unsafe) let address: UnsafeMutableRawPointer

    /// Reserves `count` bytes (0 or more) and lets `fill` write all of them.
    package init(count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        precondition(count >= 0, "a body of \(count) bytes")
        self.count = count
        // One byte at least, so that an empty body still has an address: libcurl reads a null body from a callback.
        self.address = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1), alignment: 16)
        fill(UnsafeMutableRawBufferPointer(start: address, count: count))
    }

    /// Copies `bytes`.
    package convenience init(_ bytes: [UInt8]) {
        self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    /// Lends the bytes for the time of `read`.
    package func withBytes<Result>(_ read: (UnsafeRawBufferPointer) -> Result) -> Result {
        read(UnsafeRawBufferPointer(start: address, count: count))
    }

    deinit { address.deallocate() }
}
