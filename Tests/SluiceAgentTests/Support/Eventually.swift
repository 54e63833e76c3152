import Testing

/// Looks again and again until something holds, for what another process or thread does in its own time. The pause
/// between two looks is the only one in this suite, and no outcome depends on its length.
///
/// - Throws: ``NeverHeld`` after 4,000 looks.
func eventually(
    _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation, _ holds: () async throws -> Bool
) async throws {
    for _ in 0..<4_000 {
        if try await holds() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record(what, sourceLocation: sourceLocation)
    throw NeverHeld(what: "\(what)")
}

/// A condition that never came about.
struct NeverHeld: Error {
    let what: String
}
