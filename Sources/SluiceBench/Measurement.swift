internal import Histogram

/// A latency distribution, in nanoseconds, exact to three digits from 1 µs to 10 minutes.
struct LatencyRecord {
    private var histogram = Histogram<UInt32>(
        lowestDiscernibleValue: 1000, highestTrackableValue: 600_000_000_000, numberOfSignificantValueDigits: .three)

    mutating func record(_ ns: UInt64) { _ = histogram.record(min(ns, 600_000_000_000)) }

    /// nil when nothing was recorded.
    var summary: LatencySummary? {
        guard histogram.totalCount > 0 else { return nil }
        return LatencySummary(
            p50: micros(50), p90: micros(90), p99: micros(99), p999: micros(99.9), max: Double(histogram.max) / 1000)
    }

    private func micros(_ percentile: Double) -> Double { Double(histogram.valueAtPercentile(percentile)) / 1000 }
}

/// A latency distribution in microseconds.
package struct LatencySummary: Sendable, Equatable {
    package var p50: Double
    package var p90: Double
    package var p99: Double
    package var p999: Double
    package var max: Double
}

/// What one run measured, or the median of several.
package struct Measurement: Sendable, Equatable {
    /// Calls that ended well in the measured time.
    package var calls: Int
    /// Seconds measured.
    package var seconds: Double
    /// From writing a request to having read all of its answer; a stream's is as long as the stream.
    package var latency: LatencySummary?
    /// From writing a request to the first chunk of its stream.
    package var firstChunk: LatencySummary?
    /// From the sending time in a chunk to having read it.
    package var forwarding: LatencySummary?
    package var chunks: Int
    /// Failed calls by error code, at most ``Recorder/errorCodes`` codes.
    package var errors: [String: Int]
    /// The process under test; nil when it is not known.
    package var process: ProcessUse?

    package var callsPerSecond: Double { seconds > 0 ? Double(calls) / seconds : 0 }
    package var failures: Int { errors.values.reduce(0, +) }
    /// Processor time of the process under test for each call, failed ones too, in microseconds.
    package var cpuPerCall: Double? { perUnit(calls + failures) }
    /// Processor time of the process under test for each chunk, in microseconds.
    package var cpuPerChunk: Double? { perUnit(chunks) }

    private func perUnit(_ count: Int) -> Double? {
        guard let process, count > 0 else { return nil }
        return Double(process.cpuNS) / 1000 / Double(count)
    }
}

/// What the process under test used in the measured time.
package struct ProcessUse: Sendable, Equatable {
    package var cpuNS: UInt64
    /// Resident bytes at the start, at the end, and the most that was seen on looks 100 ms apart.
    package var residentBefore: UInt64
    package var residentAfter: UInt64
    package var residentPeak: UInt64
}

/// Collects a run's figures while it is measured.
struct Recorder {
    /// Error codes told apart at most; the rest counts as `other`.
    static let errorCodes = 64

    private(set) var calls = 0
    private(set) var chunks = 0
    private(set) var errors: [String: Int] = [:]
    private var latency = LatencyRecord()
    private var firstChunk = LatencyRecord()
    private var forwarding = LatencyRecord()

    var finished: Int { calls + errors.values.reduce(0, +) }

    mutating func call(_ ns: UInt64) {
        calls += 1
        latency.record(ns)
    }

    mutating func failure(_ code: String) {
        let isKnown = errors[code] != nil || errors.count < Self.errorCodes
        errors[isKnown ? code : "other", default: 0] += 1
    }

    mutating func firstChunk(_ ns: UInt64) { firstChunk.record(ns) }

    mutating func chunk(sentNS: UInt64?, nowNS: UInt64) {
        chunks += 1
        if let sentNS, sentNS <= nowNS { forwarding.record(nowNS - sentNS) }
    }

    func measurement(seconds: Double, process: ProcessUse?) -> Measurement {
        Measurement(
            calls: calls, seconds: seconds, latency: latency.summary, firstChunk: firstChunk.summary,
            forwarding: forwarding.summary, chunks: chunks, errors: errors, process: process)
    }
}
