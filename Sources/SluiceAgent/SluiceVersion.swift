import SluiceWire

/// The version of this build.
package enum SluiceVersion {
    /// By semantic versioning.
    package static let current = "0.1.0"
    /// The protocol version it speaks.
    package static let proto = WireLimits.proto
}
