internal import Glibc

/// The kernel's monotonic clock, for the engine's deadlines.
enum MonotonicClock {
    static func nowUS() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
