internal import Glibc

/// Bounded reads of /proc, and the parsing of what stands there.
enum ProcFiles {
    /// Most bytes read of one file: far above what the kernel writes for the files read here.
    static let maxBytes = 16_384

    /// The first `maxBytes` bytes of a file; nil when it cannot be opened or read.
    static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: maxBytes)
        var filled = 0
        while filled < maxBytes {
            let room = maxBytes - filled
            let count = bytes.withUnsafeMutableBytes { buffer in
                retryingInterrupted { Glibc.read(descriptor, buffer.baseAddress! + filled, room) }
            }
            if count < 0 { return nil }
            if count == 0 { break }
            filled += count
        }
        return String(decoding: bytes[..<filled], as: UTF8.self)
    }

    /// When a process started, in clock ticks since boot (field 22 of /proc/PID/stat); nil when it is gone.
    static func startTicks(of pid: Int32) -> UInt64? {
        read("/proc/\(pid)/stat").flatMap { startTicks(inStat: $0) }
    }

    /// Field 22 of a stat line. The second field is the program's name in parentheses and may itself hold spaces and
    /// parentheses, so the fields are counted from the last closing one.
    static func startTicks(inStat line: String) -> UInt64? {
        guard let end = line.lastIndex(of: ")") else { return nil }
        let fields = line[line.index(after: end)...].split(separator: " ", maxSplits: 20)
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }

    /// The control group in the text of /proc/PID/cgroup, the way the service manager names it: version 2's line,
    /// unless version 2 is idle on this host (everything in its root) and a systemd hierarchy of version 1 knows more.
    static func controlGroup(in text: String) -> String? {
        var unified: Substring?
        var named: Substring?
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            if parts[0] == "0", parts[1].isEmpty { unified = parts[2] }
            if parts[1] == "name=systemd" { named = parts[2] }
        }
        if let unified, unified != "/" || named == nil { return String(unified) }
        return (named ?? unified).map(String.init)
    }

    /// Clock ticks since boot, on the clock that process start times use.
    static func ticksSinceBoot() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_BOOTTIME, &now)
        let perSecond = UInt64(ticksPerSecond)
        return UInt64(now.tv_sec) * perSecond + UInt64(now.tv_nsec) * perSecond / 1_000_000_000
    }

    /// Clock ticks in a second; 100 on every Linux that Swift runs on, asked for all the same.
    static var ticksPerSecond: Int { max(1, sysconf(Int32(_SC_CLK_TCK))) }

    /// Where a symbolic link points; nil when it cannot be read (for /proc/PID/exe: the process is another user's).
    static func link(_ path: String) -> String? {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = bytes.withUnsafeMutableBytes { buffer in
            readlink(path, buffer.bindMemory(to: CChar.self).baseAddress!, buffer.count)
        }
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
