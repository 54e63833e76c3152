/// What stands at the head of the bytes that have arrived.
package enum FrameStep: Equatable, Sendable {
    /// Not enough bytes yet; at least this many in all are needed to go on.
    case needBytes(Int)
    /// One whole frame; its payload is this range, and the next frame begins at its upper bound.
    case frame(Range<Int>)
    /// A length of zero: four bytes to skip, the framing is intact.
    case empty
    /// A length over the bound: the stream cannot be followed any further.
    case tooLarge(Int)
}

/// Splits a byte stream into frames: an unsigned 32-bit big-endian length, then that many bytes.
package struct FrameDecoder: Sendable {
    /// Payload bytes accepted in one frame.
    package let maxFrame: Int

    package init(maxFrame: Int = WireLimits.frameSize) {
        precondition((1...WireLimits.frameSizeCeiling).contains(maxFrame), "max frame out of range: \(maxFrame)")
        self.maxFrame = maxFrame
    }

    /// Looks at the bytes that begin at `offset`. It keeps no state, so the caller may buffer as it likes.
    package func step(_ bytes: RawSpan, at offset: Int = 0) -> FrameStep {
        let available = bytes.byteCount - offset
        guard available >= WireLimits.headerSize else { return .needBytes(WireLimits.headerSize) }
        let length = Int(UInt32(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        if length == 0 { return .empty }
        if length > maxFrame { return .tooLarge(length) }
        let end = WireLimits.headerSize + length
        if available < end { return .needBytes(end) }
        return .frame((offset + WireLimits.headerSize)..<(offset + end))
    }
}
