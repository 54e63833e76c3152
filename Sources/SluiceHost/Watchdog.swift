internal import CSystemd

/// What the service manager expects of the daemon's heartbeat.
package enum Watchdog {
    /// The longest pause between two heartbeats in microseconds, from `WATCHDOG_USEC` and `WATCHDOG_PID`;
    /// nil when no watchdog watches this process. Send at half of it, as sd_watchdog_enabled(3) advises.
    package static var intervalUSec: UInt64? {
        var interval: UInt64 = 0
        return sluice_watchdog_enabled(&interval) > 0 && interval > 0 ? interval : nil
    }
}
