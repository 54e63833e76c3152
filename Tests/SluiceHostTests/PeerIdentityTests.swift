import Glibc
import Testing

@testable import SluiceHost

@Suite("Who is at the other end")
struct PeerIdentityTests {
    /// A listener, a real process connected to it, and the accepted end.
    private struct Meeting {
        let scratch: Scratch
        let listener: Descriptor
        let process: PeerProcess
        let accepted: Descriptor

        init(wrapper: [String] = []) throws {
            scratch = try Scratch()
            let path = scratch.file("s")
            listener = RawSocket.bound(to: path)
            chmod(scratch.path, 0o755)
            chmod(path, 0o666)
            process = try PeerProcess(connectingTo: path, wrapper: wrapper)
            try #require(process.waitUntilConnected())
            accepted = RawSocket.accepted(on: listener.number)
        }
    }

    @Test("Credentials and facts of a process of the same user")
    func sameUser() throws {
        let meeting = try Meeting()
        defer { meeting.process.end() }
        let peer = try PeerIdentity.credentials(of: meeting.accepted.number)
        #expect(peer.uid == getuid())
        #expect(peer.gid == getgid())
        #expect(peer.pid == meeting.process.pid)
        #expect(peer.groupsAreComplete)
        let facts = PeerIdentity.facts(of: peer, users: UserNames())
        #expect(facts.executable?.contains("python3") == true)
        let groups = try #require(ProcFiles.read("/proc/\(peer.pid ?? 0)/cgroup"))
        #expect(facts.cgroup != nil)
        #expect(facts.cgroup.map(groups.contains) == true)
    }

    @Test("Another user with its groups", .enabled(if: getuid() == 0), arguments: [0, 3, 33, 1_024])
    func otherUser(groupCount: Int) throws {
        let groups = (0..<groupCount).map { UInt32(20_000 + $0) }
        let list = groups.map(String.init).joined(separator: ",")
        let option = groups.isEmpty ? "--clear-groups" : "--groups=\(list)"
        let meeting = try Meeting(wrapper: ["setpriv", "--reuid=65534", "--regid=12345", option])
        defer { meeting.process.end() }
        let peer = try PeerIdentity.credentials(of: meeting.accepted.number)
        #expect(peer.uid == 65_534)
        #expect(peer.gid == 12_345)
        #expect(peer.groups == groups)
        #expect(peer.groupsAreComplete)
        #expect(peer.isMember(of: 12_345))
        #expect(peer.isMember(of: 20_000) == !groups.isEmpty)
        #expect(!peer.isMember(of: 0))
        #expect(PeerIdentity.facts(of: peer, users: UserNames()).user == "nobody")
    }

    @Test("More groups than the bound are none, and say so", .enabled(if: getuid() == 0))
    func tooManyGroups() throws {
        let list = (0..<1_025).map { String(20_000 + $0) }.joined(separator: ",")
        let meeting = try Meeting(wrapper: ["setpriv", "--reuid=65534", "--regid=65534", "--groups=\(list)"])
        defer { meeting.process.end() }
        let peer = try PeerIdentity.credentials(of: meeting.accepted.number)
        #expect(peer.groups.isEmpty)
        #expect(!peer.groupsAreComplete)
    }

    @Test("A process that is gone has no facts, but keeps its credentials")
    func gone() throws {
        let meeting = try Meeting()
        let peer = try PeerIdentity.credentials(of: meeting.accepted.number)
        let process = try #require(peer.process)
        #expect(process.isSameAndAlive)
        meeting.process.end()
        #expect(!process.isSameAndAlive)
        var unknown = PeerFacts.unknown
        unknown.user = UserNames().name(of: getuid())
        #expect(PeerIdentity.facts(of: peer, users: UserNames()) == unknown)
        let late = try PeerIdentity.credentials(of: meeting.accepted.number)
        #expect(late.uid == getuid())
        #expect(PeerIdentity.facts(of: late, users: UserNames()) == unknown)
    }

    @Test("Where the kernel has no pidfd of a peer, number and start time stand in")
    func byNumber() throws {
        let meeting = try Meeting()
        let handle = try #require(ProcessHandle(pid: meeting.process.pid))
        #expect(handle.isSameAndAlive)
        #expect(PeerIdentity.processFacts(handle)?.executable?.contains("python3") == true)
        meeting.process.end()
        #expect(!handle.isSameAndAlive)
        #expect(PeerIdentity.processFacts(handle) == nil)
        #expect(ProcessHandle(pid: meeting.process.pid) == nil)
        #expect(ProcessHandle(pid: 0) == nil)
    }

    @Test("What is not a connected Unix socket is an error")
    func notAPeer() {
        let file = Descriptor(open("/dev/null", O_RDONLY))
        let error = #expect(throws: SystemError.self) { try PeerIdentity.credentials(of: file.number) }
        #expect(error?.code == ENOTSOCK)
    }
}

@Suite("Names of users")
struct UserNamesTests {
    @Test("Known, unknown, and remembered")
    func names() {
        let users = UserNames()
        #expect(users.name(of: 0) == "root")
        #expect(users.name(of: 3_999_999_999) == nil)
        #expect(users.name(of: 0) == "root")
        #expect(users.count == 2)
    }

    @Test("The cache is bounded, and goes on working when it is full")
    func bounded() {
        let users = UserNames()
        for uid in 0..<1_500 { _ = users.name(of: 3_000_000_000 + UInt32(uid)) }
        #expect(users.count == UserNames.maxEntries)
        #expect(users.name(of: 0) == "root")
        #expect(users.count == UserNames.maxEntries)
    }
}
