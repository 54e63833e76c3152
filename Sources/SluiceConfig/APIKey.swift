/// A provider's key. The text comes out only through ``use(_:)``; every way of printing, dumping or interpolating the
/// value shows `APIKey(redacted)`.
package struct APIKey: Sendable, Equatable {
    private let secret: String

    /// Wraps a key that was checked by ``KeyLoader``.
    package init(_ secret: String) {
        self.secret = secret
    }

    /// Hands the key's text to the one place that sends it.
    package func use<Result>(_ body: (String) throws -> Result) rethrows -> Result {
        try body(secret)
    }

    /// Compares in a time that depends on the lengths only.
    package static func == (left: APIKey, right: APIKey) -> Bool {
        let (left, right) = (left.secret.utf8, right.secret.utf8)
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

extension APIKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// `APIKey(redacted)`.
    package var description: String { "APIKey(redacted)" }
    /// `APIKey(redacted)`.
    package var debugDescription: String { description }
    /// A mirror without children.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
