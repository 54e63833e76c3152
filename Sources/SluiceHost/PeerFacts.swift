internal import CSystemd
internal import Glibc

/// What is known of a peer beyond its credentials, as labels: each at most 256 bytes, without control characters.
///
/// A label is nil when it is unknown. Labels may match rules and be shown; they do not authorise by themselves.
package struct PeerFacts: Sendable, Equatable {
    /// The user's name.
    package internal(set) var user: String?
    /// The control group's path.
    package internal(set) var cgroup: String?
    /// The unit of the system's service manager (`support-bot.service`, `user@1000.service`).
    package internal(set) var unit: String?
    /// The unit of the user's own service manager.
    package internal(set) var userUnit: String?
    /// The slice (`system.slice`).
    package internal(set) var slice: String?
    /// The program file. The kernel shows it only for processes of the agent's own user, unless the agent is root.
    package internal(set) var executable: String?

    /// Nothing is known.
    package static let unknown = PeerFacts()
}

extension PeerIdentity {
    /// Reads the labels of a peer from /proc, libsystemd and the user database. May block (user databases can be
    /// remote), so call it off the event loop.
    ///
    /// Labels that come from the process's number are dropped when the process ended meanwhile: the number could be
    /// another's by then.
    package static func facts(of peer: PeerCredentials, users: UserNames) -> PeerFacts {
        var facts = peer.process.flatMap(processFacts) ?? .unknown
        facts.user = users.name(of: peer.uid)
        return facts
    }

    /// nil when the process is not there any more, checked after everything was read.
    static func processFacts(_ process: ProcessHandle) -> PeerFacts? {
        let pid = process.pid
        var facts = PeerFacts()
        facts.cgroup = ProcFiles.read("/proc/\(pid)/cgroup").flatMap { ProcFiles.controlGroup(in: $0) }
            .map { SafeText.line($0) }
        facts.unit = LibsystemdText.take { sluice_pid_unit(pid, $0) }
        facts.userUnit = LibsystemdText.take { sluice_pid_user_unit(pid, $0) }
        facts.slice = LibsystemdText.take { sluice_pid_slice(pid, $0) }
        facts.executable = ProcFiles.link("/proc/\(pid)/exe").map { SafeText.line($0) }
        return process.isSameAndAlive ? facts : nil
    }
}
