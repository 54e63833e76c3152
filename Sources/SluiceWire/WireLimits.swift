/// The protocol's bounds. Defaults are configurable where the configuration reference says so; the rest is fixed.
package enum WireLimits {
    /// The protocol version spoken, and the oldest one understood.
    package static let proto = 1
    package static let minProto = 1
    /// Bytes of the length prefix.
    package static let headerSize = 4
    /// The largest frame the format can carry: the first byte of the prefix is reserved.
    package static let frameSizeCeiling = 16 * 1024 * 1024 - 1
    /// The largest body or chunk that is spliced into an event: what it is wrapped in takes far less than 256 KiB.
    /// A larger answer must be refused (`provider_response_too_large`) before ``FrameWriter/end()`` meets it.
    package static let spliceCeiling = frameSizeCeiling - 256 * 1024
    package static let frameSize = 4 * 1024 * 1024
    package static let inflightPerConnection = 256
    /// Bytes of chunk data a stream may be ahead of its consumer.
    package static let streamCredit = 256 * 1024
    package static let streamCreditCeiling = 16 * 1024 * 1024
    package static let idSize = 64
    package static let clientNameSize = 128
    package static let tenantSize = 128
    package static let featureSize = 64
    package static let pathSize = 512
    package static let features = 32
    package static let deadlineCeilingMS = 86_400_000
}
