import Glibc

/// The wall clock, for what speaks of dates. Never used to measure a duration.
enum WallClock {
    /// Milliseconds since 1970-01-01 UTC.
    static var nowMS: Int {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
    }
}
