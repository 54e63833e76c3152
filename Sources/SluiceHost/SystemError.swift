internal import Glibc

/// A system call that failed: what was tried, on what, and the errno.
package struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was being done, as words for a person ("create the directory /run/sluice").
    package let doing: String
    /// The errno of the call.
    package let code: Int32

    /// Keeps `code` with the words that explain it.
    package init(_ doing: String, code: Int32) {
        self.doing = doing
        self.code = code
    }

    package var description: String { "cannot \(doing): \(SystemError.text(of: code))" }

    /// The call on this thread that failed last. To be built before any other system call is made.
    static func last(_ doing: String) -> SystemError {
        let code = errno
        return SystemError(doing, code: code)
    }

    /// The C library's words for an errno.
    package static func text(of code: Int32) -> String {
        strerror(code).map { String(cString: $0) } ?? "errno \(code)"
    }
}

/// Calls `body` again while a signal interrupts it; returns what it returned, with `errno` as it left it.
func retryingInterrupted<Result: SignedInteger>(_ body: () -> Result) -> Result {
    while true {
        let result = body()
        if result != -1 || errno != EINTR { return result }
    }
}
