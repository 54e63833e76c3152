internal import CSystemd
internal import Glibc

/// What the kernel vouches for about the process at the other end of a Unix socket, fixed when it connected.
///
/// User and groups may authorise. The process id labels only: a process can hand its connection to another.
package struct PeerCredentials: Sendable {
    /// The effective user id.
    package let uid: UInt32
    /// The effective group id.
    package let gid: UInt32
    /// The supplementary groups, at most `maxGroups`, in the kernel's order.
    package let groups: [UInt32]
    /// False when the peer has more groups than `maxGroups` or the kernel would not tell them; then `groups` is empty.
    package let groupsAreComplete: Bool
    /// The process that connected; nil when it is gone already or in a PID namespace that cannot be seen from here.
    package let process: ProcessHandle?
    /// Its number as the kernel tells it; nil when it cannot be seen from here.
    package let pid: Int32?

    /// Most supplementary groups that are kept.
    package static let maxGroups = 1_024

    /// Whether the peer is in `group`, by its effective group or a supplementary one.
    package func isMember(of group: UInt32) -> Bool {
        gid == group || groups.contains(group)
    }
}

/// Finds out who is at the other end of a connection.
package enum PeerIdentity {
    /// The credentials of the peer of `descriptor`, a connected Unix stream socket. System calls only; on kernels
    /// before 6.5 one small read of /proc. Never waits for another process.
    ///
    /// - Throws: `SystemError` when the kernel refuses (not a Unix socket, not connected).
    package static func credentials(of descriptor: Int32) throws(SystemError) -> PeerCredentials {
        var cred = sluice_peer_cred()
        let result = sluice_peer_credentials(descriptor, &cred)
        guard result == 0 else { throw SystemError("read the peer's credentials", code: -result) }
        let groups = supplementaryGroups(of: descriptor)
        return PeerCredentials(
            uid: cred.uid, gid: cred.gid, groups: groups ?? [], groupsAreComplete: groups != nil,
            process: ProcessHandle(peerOf: descriptor, pid: cred.pid), pid: cred.pid > 0 ? cred.pid : nil)
    }

    /// nil when there are more than `PeerCredentials.maxGroups` or they cannot be read.
    private static func supplementaryGroups(of descriptor: Int32) -> [UInt32]? {
        var room = UInt32(32)
        while true {
            var groups = [UInt32](repeating: 0, count: Int(room))
            var count = room
            let result = sluice_peer_groups(descriptor, &groups, &count)
            if result == 0 { return Array(groups.prefix(Int(count))) }
            guard result == -ERANGE, count > room, count <= PeerCredentials.maxGroups else { return nil }
            room = count
        }
    }
}
