import Glibc

/// Tells whether a descriptor is the stream that systemd connected to the journal.
package enum JournalStream {
    /// True when `$JOURNAL_STREAM` names the device and inode of the descriptor, as systemd.exec(5) says: the variable
    /// alone is inherited by children whose standard error went elsewhere.
    ///
    /// - Parameters:
    ///   - environment: the process's variables.
    ///   - descriptor: 2 for standard error.
    package static func isJournal(environment: [String: String], descriptor: CInt = STDERR_FILENO) -> Bool {
        guard let parts = environment["JOURNAL_STREAM"]?.split(separator: ":"), parts.count == 2,
            let device = UInt64(parts[0]), let inode = UInt64(parts[1])
        else { return false }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return false }
        return UInt64(status.st_dev) == device && UInt64(status.st_ino) == inode
    }
}
