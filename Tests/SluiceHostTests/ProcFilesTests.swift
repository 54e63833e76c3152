import Glibc
import Testing

@testable import SluiceHost

@Suite("Reading /proc")
struct ProcFilesTests {
    @Test("The start time is field 22, whatever the program calls itself")
    func startTicks() {
        let fields = (4...52).map { String($0) }.joined(separator: " ")
        #expect(ProcFiles.startTicks(inStat: "17 (python3) S \(fields)\n") == 22)
        #expect(ProcFiles.startTicks(inStat: "17 (a) S 1 (b) c) R \(fields)\n") == 22)
        #expect(ProcFiles.startTicks(inStat: "17 (short) S 1 2 3") == nil)
        #expect(ProcFiles.startTicks(inStat: "") == nil)
        #expect(ProcFiles.startTicks(inStat: "17 (x) S " + String(repeating: "x ", count: 40)) == nil)
    }

    @Test("This process started before now")
    func ownStart() throws {
        let started = try #require(ProcFiles.startTicks(of: getpid()))
        #expect(started > 0)
        #expect(started <= ProcFiles.ticksSinceBoot())
        #expect(ProcFiles.startTicks(of: Int32.max) == nil)
    }

    @Test(
        "The control group is the service manager's",
        arguments: [
            ("0::/system.slice/a.service\n", "/system.slice/a.service"),
            ("4:memory:/m\n1:name=systemd:/init.scope\n0::/system.slice/b.service\n", "/system.slice/b.service"),
            ("4:memory:/m\n1:name=systemd:/system.slice/c.service\n0::/\n", "/system.slice/c.service"),
            ("1:name=systemd:/d\n", "/d"),
            ("0::/with:colon\n", "/with:colon"),
            ("0::/\n", "/"),
        ])
    func controlGroup(text: String, path: String) {
        #expect(ProcFiles.controlGroup(in: text) == path)
    }

    @Test("No control group in nonsense", arguments: ["", "\n", "0:\n", "4:memory:/m\n"])
    func noControlGroup(text: String) {
        #expect(ProcFiles.controlGroup(in: text) == nil)
    }

    @Test("A read is bounded, and a missing file is nothing")
    func boundedRead() {
        #expect(ProcFiles.read("/dev/zero")?.utf8.count == ProcFiles.maxBytes)
        #expect(ProcFiles.read("/nonexistent") == nil)
        #expect(ProcFiles.link("/nonexistent") == nil)
    }
}

@Suite("This process's figures")
struct ProcessSelfTests {
    @Test("Memory, time and start are what the kernel says")
    func figures() throws {
        #expect(try #require(ProcessSelf.residentBytes) > 1 << 20)
        #expect(ProcessSelf.cpuSeconds > 0)
        let started = try #require(ProcessSelf.startTime)
        #expect(started <= Double(time(nil) + 1))
        #expect(started > Double(time(nil)) - Double(ProcFiles.ticksSinceBoot()) / Double(ProcFiles.ticksPerSecond) - 1)
    }

    @Test("Descriptors are counted, and their limit read")
    func descriptors() async {
        await #expect(processExitsWith: .success) {
            let before = try #require(ProcessSelf.openDescriptors)
            let files = (0..<100).map { _ in Descriptor(open("/dev/null", O_RDONLY)) }
            // The test library's own threads may open or close a few meanwhile.
            let after = try #require(ProcessSelf.openDescriptors)
            #expect((before + 90...before + 110).contains(after))
            withExtendedLifetime(files) {}
            var limit = rlimit(rlim_cur: 123, rlim_max: 123)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            #expect(ProcessSelf.maxDescriptors == 123)
        }
    }
}
