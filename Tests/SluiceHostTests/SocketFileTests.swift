import Foundation
import Glibc
import Testing

@testable import SluiceHost

@Suite("A listening socket at a path")
struct SocketFileTests {
    private let open = SocketFile.Options(mode: 0o660)

    private func mode(of path: String) -> UInt32 {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    private func refusal(at path: String, options: SocketFile.Options? = nil) -> SocketFileError? {
        do throws(SocketFileError) {
            close(try SocketFile.listen(at: path, options: options ?? open).descriptor)
            return nil
        } catch {
            return error
        }
    }

    @Test("It listens with its mode, whatever the umask, and is not inherited", arguments: [0o660, 0o600, 0o666])
    func listens(mode: UInt32) throws {
        let scratch = try Scratch()
        let socket = try SocketFile.listen(at: scratch.file("s"), options: .init(mode: mode))
        defer { close(socket.descriptor) }
        #expect(self.mode(of: socket.path) == mode)
        #expect(RawSocket.connectCode(socket.path) == 0)
        #expect(fcntl(socket.descriptor, F_GETFD) & FD_CLOEXEC != 0)
    }

    @Test("The directory is made with its mode; one that exists is left as it is")
    func directories() throws {
        let scratch = try Scratch()
        var options = open
        options.directoryMode = 0o750
        let socket = try SocketFile.listen(at: scratch.file("a/b/s"), options: options)
        defer { close(socket.descriptor) }
        #expect(mode(of: scratch.file("a/b")) == 0o750)
        #expect(mode(of: scratch.file("a")) == 0o755)
        #expect(mode(of: scratch.path) == 0o700)
    }

    @Test("A live socket is not replaced")
    func live() throws {
        let scratch = try Scratch()
        let path = scratch.file("s")
        let first = try SocketFile.listen(at: path, options: open)
        defer { close(first.descriptor) }
        #expect(refusal(at: path) == .inUse(path))
        #expect(refusal(at: path)?.description.contains("another agent is running at \(path)") == true)
        #expect(RawSocket.connectCode(path) == 0)
    }

    @Test("A live socket with a full queue counts as live")
    func fullQueue() throws {
        let scratch = try Scratch()
        let path = scratch.file("s")
        var options = open
        options.backlog = 0
        let first = try SocketFile.listen(at: path, options: options)
        defer { close(first.descriptor) }
        let waiting = RawSocket.connecting(to: path)
        #expect(refusal(at: path) == .inUse(path))
        withExtendedLifetime(waiting) {}
    }

    @Test("A socket that nobody listens on is replaced")
    func stale() throws {
        let scratch = try Scratch()
        let path = scratch.file("s")
        RawSocket.endListening(try SocketFile.listen(at: path, options: open).descriptor)
        #expect(RawSocket.connectCode(path) == ECONNREFUSED)
        let second = try SocketFile.listen(at: path, options: open)
        defer { close(second.descriptor) }
        #expect(RawSocket.connectCode(path) == 0)
    }

    @Test("Anything but a socket is left where it is")
    func otherFiles() throws {
        let scratch = try Scratch()
        let path = scratch.file("s")
        try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
        #expect(refusal(at: path) == .notASocket(path))
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("precious".utf8))
        symlink("/nonexistent", scratch.file("link"))
        #expect(refusal(at: scratch.file("link")) == .notASocket(scratch.file("link")))
    }

    @Test("The longest path works; one byte more is a clear error")
    func pathLength() throws {
        let scratch = try Scratch()
        let longest = scratch.file(String(repeating: "s", count: 107 - scratch.path.utf8.count - 1))
        #expect(longest.utf8.count == 107)
        #expect(refusal(at: longest) == nil)
        #expect(refusal(at: longest + "s") == .pathTooLong(longest + "s", bytes: 108))
        #expect(refusal(at: "s") == .invalidPath("s"))
        #expect(refusal(at: scratch.file("a\0b")) == .invalidPath(scratch.file("a\0b")))
    }

    @Test("An unknown group is an error, and leaves nothing behind")
    func unknownGroup() throws {
        let scratch = try Scratch()
        let options = SocketFile.Options(mode: 0o660, group: "no-such-group")
        #expect(refusal(at: scratch.file("s"), options: options) == .unknownGroup("no-such-group"))
        #expect(!FileManager.default.fileExists(atPath: scratch.file("s")))
    }

    @Test("The socket is given to its group", .enabled(if: getuid() == 0))
    func group() throws {
        let scratch = try Scratch()
        let options = SocketFile.Options(mode: 0o660, group: "daemon")
        let socket = try SocketFile.listen(at: scratch.file("s"), options: options)
        defer { close(socket.descriptor) }
        var status = stat()
        lstat(socket.path, &status)
        #expect(status.st_gid == getgrnam("daemon").pointee.gr_gid)
        #expect(mode(of: socket.path) == 0o660)
    }

    @Test("The path is removed, but not when it is another's by now")
    func removal() throws {
        let scratch = try Scratch()
        let path = scratch.file("s")
        let first = try SocketFile.listen(at: path, options: open)
        defer { close(first.descriptor) }
        unlink(path)
        let second = try SocketFile.listen(at: path, options: open)
        defer { close(second.descriptor) }
        first.removePath()
        #expect(RawSocket.connectCode(path) == 0)
        second.removePath()
        #expect(RawSocket.connectCode(path) == ENOENT)
    }

    @Test("Of many that start at once, over a dead socket, exactly one wins")
    func race() async throws {
        let scratch = try Scratch()
        let path = scratch.file("s")
        RawSocket.endListening(try SocketFile.listen(at: path, options: open).descriptor)
        let options = open
        let winners = await withTaskGroup(of: Int32?.self) { group in
            for _ in 0..<16 {
                group.addTask { (try? SocketFile.listen(at: path, options: options))?.descriptor }
            }
            return await group.reduce(into: [Int32]()) { all, one in if let one { all.append(one) } }
        }
        #expect(winners.count == 1)
        #expect(RawSocket.connectCode(path) == 0)
        for winner in winners { close(winner) }
    }
}
