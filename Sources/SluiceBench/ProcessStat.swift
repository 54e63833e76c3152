internal import Glibc

/// What the kernel says about processes under test, summed over all of them.
package struct ProcessStat: Sendable, Equatable {
    /// User and system time so far, in nanoseconds; the kernel counts in ticks of 10 ms.
    package var cpuNS: UInt64
    /// Resident memory in bytes.
    package var residentBytes: UInt64

    /// Sums over the processes that still exist; nil when none does.
    static func read(_ pids: [Int]) -> ProcessStat? {
        let stats = pids.compactMap { text("/proc/\($0)/stat") }.compactMap(parse)
        guard !stats.isEmpty else { return nil }
        return stats.reduce(into: ProcessStat(cpuNS: 0, residentBytes: 0)) { sum, stat in
            sum.cpuNS += stat.cpuNS
            sum.residentBytes += stat.residentBytes
        }
    }

    /// Reads one line of /proc/PID/stat: `utime`, `stime` and `rss` are fields 14, 15 and 24 (proc(5)). The command
    /// in field 2 may hold spaces and brackets, so counting begins after the last bracket.
    static func parse(_ line: String) -> ProcessStat? {
        guard let bracket = line.lastIndex(of: ")") else { return nil }
        let fields = line[line.index(after: bracket)...].split(separator: " ")
        guard fields.count > 21, let user = UInt64(fields[11]), let system = UInt64(fields[12]),
            let pages = UInt64(fields[21])
        else { return nil }
        let tickNS = 1_000_000_000 / UInt64(max(1, sysconf(CInt(_SC_CLK_TCK))))
        return ProcessStat(
            cpuNS: (user + system) * tickNS, residentBytes: pages * UInt64(max(1, sysconf(CInt(_SC_PAGESIZE)))))
    }

    /// The process and its children, so that a server's workers count with their master.
    static func family(_ pid: Int) -> [Int] {
        let children = text("/proc/\(pid)/task/\(pid)/children") ?? ""
        return [pid] + children.split(separator: " ").compactMap { Int($0) }
    }

    /// The first 4 KiB of a file of /proc.
    private static func text(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
        }
    }
}
