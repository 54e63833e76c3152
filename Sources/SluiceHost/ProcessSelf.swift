internal import Glibc

/// This process's own figures, for metrics. Each is a few system calls.
package enum ProcessSelf {
    /// This process's number.
    package static var pid: Int32 { getpid() }

    /// Resident memory in bytes; nil when /proc is not there.
    package static var residentBytes: UInt64? {
        guard let fields = ProcFiles.read("/proc/self/statm")?.split(separator: " "), fields.count > 1 else {
            return nil
        }
        return UInt64(fields[1]).map { $0 * UInt64(sysconf(Int32(_SC_PAGESIZE))) }
    }

    /// Processor time used so far, user and system together, in seconds.
    package static var cpuSeconds: Double {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// Raises the soft limit on descriptors to the hard one: a shell's 1,024 are fewer than the connections that the
    /// agent's own bounds allow.
    package static func raiseDescriptorLimit() {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
    }

    /// Open descriptors; nil when /proc is not there. Reads a directory entry for each.
    package static var openDescriptors: Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // Less ".", ".." and the descriptor of the directory itself.
        return max(0, count - 3)
    }

    /// Most descriptors this process may open (the soft limit).
    package static var maxDescriptors: UInt64 {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return UInt64(limit.rlim_cur)
    }

    /// When this process started, in seconds since 1970; nil when /proc is not there. Exact to a clock tick, and as
    /// right as the wall clock is now.
    package static var startTime: Double? {
        guard let ticks = ProcFiles.read("/proc/self/stat").flatMap({ ProcFiles.startTicks(inStat: $0) }) else {
            return nil
        }
        let now = seconds(CLOCK_REALTIME)
        let age = seconds(CLOCK_BOOTTIME) - Double(ticks) / Double(ProcFiles.ticksPerSecond)
        return now - age
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var now = timespec()
        clock_gettime(clock, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }
}
