/// The version of this build.
package enum SluiceVersion {
    /// By semantic versioning.
    package static let current = "0.1.0"
}
