import Glibc
import Testing

@testable import SluiceHost

@Suite("Sockets from the service manager")
struct SocketActivationTests {
    /// A copy of the descriptor: `sort` owns what it is given.
    private func handOver(_ descriptor: Descriptor) -> Int32 { dup(descriptor.number) }

    private func problems(of passed: [(name: String, descriptor: Int32)]) -> [SocketActivationProblem] {
        do throws(SocketActivationError) {
            var sockets = try SocketActivation.sort(passed)
            sockets.closeAll()
            return []
        } catch {
            return error.problems
        }
    }

    @Test("Each name gets its socket; statistics may be on TCP at loopback")
    func sorts() throws {
        let scratch = try Scratch()
        let agent = handOver(RawSocket.bound(to: scratch.file("a")))
        let admin = handOver(RawSocket.bound(to: scratch.file("b")))
        let stats = handOver(RawSocket.tcp(0x7F00_0001))
        var sockets = try SocketActivation.sort([("admin", admin), ("agent", agent), ("stats", stats)])
        #expect(sockets.descriptors == [.agent: agent, .admin: admin, .stats: stats])
        #expect(sockets.unserved.isEmpty)
        sockets.closeAll()
        #expect(sockets.descriptors.isEmpty)
    }

    @Test("A socket under an unknown name is closed and reported with the names there are")
    func unknownName() throws {
        let scratch = try Scratch()
        let listener = RawSocket.bound(to: scratch.file("s"))
        let sockets = try SocketActivation.sort([("agnet\n", handOver(listener))])
        #expect(sockets.descriptors.isEmpty)
        #expect(sockets.unserved.map(\.name) == ["agnet?"])
        #expect(sockets.unserved.first?.description.contains("agent, stats, admin") == true)
    }

    @Test("What cannot serve is refused by name")
    func refuses() throws {
        let scratch = try Scratch()
        let listening = RawSocket.bound(to: scratch.file("a"))
        let datagram = RawSocket.bound(to: scratch.file("b"), type: SOCK_DGRAM)
        let bound = RawSocket.bound(to: scratch.file("c"), listening: false)
        let file = Descriptor(open("/dev/null", O_RDONLY))
        #expect(problems(of: [("agent", handOver(datagram))]) == [.notAStream(.agent)])
        #expect(problems(of: [("stats", handOver(bound))]) == [.notListening(.stats)])
        #expect(problems(of: [("admin", handOver(file))]) == [.notASocket(.admin)])
        #expect(problems(of: [("admin", 9_999)]) == [.notASocket(.admin)])
        let twice = [("agent", handOver(listening)), ("agent", handOver(listening))]
        #expect(problems(of: twice) == [.duplicate(.agent)])
    }

    @Test("TCP is refused for callers, and for statistics outside loopback")
    func refusesTCP() {
        #expect(problems(of: [("agent", handOver(RawSocket.tcp(0x7F00_0001)))]) == [.wrongFamily(.agent)])
        #expect(problems(of: [("stats", handOver(RawSocket.tcp(0)))]) == [.wrongFamily(.stats)])
    }

    @Test("All problems are told at once, each with a cure, and good sockets do not leak")
    func tellsEverything() throws {
        let scratch = try Scratch()
        let datagram = RawSocket.bound(to: scratch.file("d"), type: SOCK_DGRAM)
        let passed = [("agent", handOver(datagram)), ("admin", handOver(RawSocket.tcp(0x7F00_0001)))]
        let error = try #require(throws: SocketActivationError.self) { try SocketActivation.sort(passed) }
        #expect(error.problems == [.notAStream(.agent), .wrongFamily(.admin)])
        #expect(error.description.contains("ListenStream="))
    }
}

@Suite("Sockets from the environment")
struct SocketActivationEnvironmentTests {
    @Test("Descriptors are taken once, close on exec, and leave the environment")
    func takes() async {
        await #expect(processExitsWith: .success) {
            let scratch = try Scratch()
            let names = ["stats", "agent", "admin", "other"]
            let listeners = names.map { RawSocket.bound(to: scratch.file($0)) }
            // Up first, so that putting one in its place cannot overwrite another.
            let moved = listeners.map { fcntl($0.number, F_DUPFD, 200) }
            for (index, descriptor) in moved.enumerated() { dup2(descriptor, 3 + Int32(index)) }
            setenv("LISTEN_PID", "\(getpid())", 1)
            setenv("LISTEN_FDS", "4", 1)
            setenv("LISTEN_FDNAMES", names.joined(separator: ":"), 1)
            let sockets = try SocketActivation.take()
            let good =
                sockets.descriptors == [.stats: 3, .agent: 4, .admin: 5] && sockets.unserved.map(\.name) == ["other"]
                && (3...5).allSatisfy { fcntl($0, F_GETFD) & FD_CLOEXEC != 0 } && !RawSocket.isOpen(6)
                && getenv("LISTEN_FDS") == nil && getenv("LISTEN_PID") == nil && getenv("LISTEN_FDNAMES") == nil
            let again = try SocketActivation.take()
            _exit(good && again == ActivatedSockets() ? 0 : 1)
        }
    }

    @Test("Descriptors for another process are left alone; nonsense is an error")
    func notForUs() async {
        await #expect(processExitsWith: .success) {
            setenv("LISTEN_PID", "1", 1)
            setenv("LISTEN_FDS", "3", 1)
            let none = try SocketActivation.take()
            #expect(none == ActivatedSockets())
            setenv("LISTEN_PID", "\(getpid())", 1)
            setenv("LISTEN_FDS", "many", 1)
            let error = try #require(throws: SocketActivationError.self) { try SocketActivation.take() }
            #expect(error.description.contains("LISTEN_FDS"))
        }
    }
}
