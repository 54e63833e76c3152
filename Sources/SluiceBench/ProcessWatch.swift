/// Watches the processes under test over the measured time.
struct ProcessWatch {
    /// How often memory is looked at.
    private static let periodNS: UInt64 = 100_000_000

    private let pids: [Int]
    private var start: ProcessStat?
    private var peak: UInt64 = 0
    private var nextLookNS: UInt64 = 0

    /// - Parameter pids: the processes, or none when they are not known.
    init(pids: [Int]) { self.pids = pids }

    mutating func begin(at nowNS: UInt64) {
        start = ProcessStat.read(pids)
        peak = start?.residentBytes ?? 0
        nextLookNS = nowNS + Self.periodNS
    }

    mutating func look(at nowNS: UInt64) {
        guard start != nil, nowNS >= nextLookNS else { return }
        nextLookNS = nowNS + Self.periodNS
        peak = max(peak, ProcessStat.read(pids)?.residentBytes ?? 0)
    }

    /// What was used since ``begin(at:)``; nil when the processes are not known or one of them has gone.
    func end() -> ProcessUse? {
        guard let start, let end = ProcessStat.read(pids), end.cpuNS >= start.cpuNS else { return nil }
        return ProcessUse(
            cpuNS: end.cpuNS - start.cpuNS, residentBefore: start.residentBytes, residentAfter: end.residentBytes,
            residentPeak: max(peak, end.residentBytes))
    }
}
