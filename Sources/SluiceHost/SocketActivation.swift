internal import CSystemd
internal import Glibc

/// A listening descriptor that the service manager opens for the agent, by the name its unit gives it
/// (`FileDescriptorName=`, or `systemd-socket-activate --fdname`).
package enum ActivatedSocketName: String, Sendable, CaseIterable {
    /// Where callers connect.
    case agent
    /// Where metrics, health and status are read.
    case stats
    /// Where the administrator's operations arrive.
    case admin
}

/// Descriptors that were passed under names no part of the agent serves: closed, so that their clients fail at once
/// instead of waiting for an answer.
package struct UnservedDescriptor: Sendable, Equatable, CustomStringConvertible {
    /// The name that came with the descriptor.
    package let name: String

    package var description: String {
        "the service manager passed a socket named \"\(name)\", which nothing here serves; it was closed "
            + "(the names are \(SocketActivation.knownNames): set FileDescriptorName= in its .socket unit)"
    }
}

/// The sockets that came from the service manager. Whoever takes a descriptor out closes it.
package struct ActivatedSockets: Sendable, Equatable {
    /// None were passed.
    package init() {}

    /// Listening, close-on-exec descriptors by name.
    package internal(set) var descriptors: [ActivatedSocketName: Int32] = [:]
    /// What was passed and not used; worth a warning each.
    package internal(set) var unserved: [UnservedDescriptor] = []

    /// Hands over the descriptor passed under `name`; from then on it is the taker's to close.
    package mutating func take(_ name: ActivatedSocketName) -> Int32? { descriptors.removeValue(forKey: name) }

    /// Closes every descriptor that is still in here.
    package mutating func closeAll() {
        for descriptor in descriptors.values { close(descriptor) }
        descriptors = [:]
    }
}

/// Takes over listening sockets from the service manager (sd_listen_fds(3)).
package enum SocketActivation {
    static let knownNames = ActivatedSocketName.allCases.map(\.rawValue).joined(separator: ", ")

    /// Takes the descriptors that were passed to this process, and removes them from the environment so that no child
    /// believes they are for it. Call once, early, while no other thread reads or writes the environment.
    ///
    /// - Returns: nothing in it when the process was not started by socket activation.
    /// - Throws: `SocketActivationError` with every problem at once; then all passed descriptors are closed.
    package static func take() throws(SocketActivationError) -> ActivatedSockets {
        var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let count = sluice_listen_fds(&names)
        let listed = LibsystemdText.takeList(names)
        guard count >= 0 else { throw SocketActivationError(problems: [.unreadable(code: -count)]) }
        let first: Int32 = 3
        let passed = (0..<count).map { index in
            (name: Int(index) < listed.count ? listed[Int(index)] : "unknown", descriptor: first + index)
        }
        return try sort(passed)
    }

    /// Validates `passed` and sorts it by name; takes ownership of every descriptor in it.
    static func sort(_ passed: [(name: String, descriptor: Int32)]) throws(SocketActivationError) -> ActivatedSockets {
        var sockets = ActivatedSockets()
        var problems: [SocketActivationProblem] = []
        for (name, descriptor) in passed {
            guard let known = ActivatedSocketName(rawValue: name) else {
                sockets.unserved.append(UnservedDescriptor(name: SafeText.line(name)))
                close(descriptor)
                continue
            }
            if sockets.descriptors[known] != nil {
                problems.append(.duplicate(known))
                close(descriptor)
                continue
            }
            sockets.descriptors[known] = descriptor
            if let problem = problem(with: descriptor, named: known) { problems.append(problem) }
        }
        if problems.isEmpty { return sockets }
        sockets.closeAll()
        throw SocketActivationError(problems: problems)
    }

    private static func problem(with descriptor: Int32, named name: ActivatedSocketName) -> SocketActivationProblem? {
        guard let domain = option(SO_DOMAIN, of: descriptor) else { return .notASocket(name) }
        guard option(SO_TYPE, of: descriptor) == CInt(SOCK_STREAM.rawValue) else { return .notAStream(name) }
        guard isAllowed(domain: domain, descriptor: descriptor, name: name) else { return .wrongFamily(name) }
        guard option(SO_ACCEPTCONN, of: descriptor) == 1 else { return .notListening(name) }
        return nil
    }

    /// Only the statistics may be reached by TCP, and only from this host.
    private static func isAllowed(domain: CInt, descriptor: Int32, name: ActivatedSocketName) -> Bool {
        domain == AF_UNIX || (name == .stats && LocalAddress.isLoopback(descriptor))
    }

    private static func option(_ option: CInt, of descriptor: Int32) -> CInt? {
        var value: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        return getsockopt(descriptor, SOL_SOCKET, option, &value, &length) == 0 ? value : nil
    }
}
