import SluicePolicy

/// Holds one pool to its limits over every window of 60 s that ends with a send. What a pool gave back in the window
/// may be sent again in it, and a call above the burst goes into debt; both are taken out.
struct WindowCheck {
    private struct Entry {
        var time: Int64
        var requests: Int
        var tokens: Int
    }

    private let limits: PoolLimits
    /// Sends and give-backs (negative) of the last 60 s, by time: at most a minute's limit and burst of them.
    private var entries: [Entry] = []
    private var first = 0
    private var requests = 0
    private var tokens = 0
    private var largest = 0

    private static let window: Int64 = 60_000_000

    init(_ limits: PoolLimits) { self.limits = limits }

    /// - Returns: what is wrong, if anything is.
    mutating func sent(_ cost: CallCost, at now: Int64) -> String? {
        largest = max(largest, cost.tokens)
        add(Entry(time: now, requests: 1, tokens: cost.tokens))
        if let limit = limits.requestsPerMinute, requests > limit + Self.burst(limit) {
            return "\(requests) requests in 60 s, the limit is \(limit)"
        }
        if let limit = limits.tokensPerMinute {
            let bound = limit + Self.burst(limit) + max(0, largest - Self.burst(limit))
            if tokens > bound { return "\(tokens) tokens in 60 s, the limit is \(limit), the bound \(bound)" }
        }
        return nil
    }

    mutating func gaveBack(requests: Int = 0, tokens: Int, at now: Int64) {
        guard requests > 0 || tokens > 0 else { return }
        add(Entry(time: now, requests: -requests, tokens: -max(0, tokens)))
    }

    /// Five seconds of 95 % of the limit, at least one unit.
    private static func burst(_ limit: Int) -> Int { max(1, limit * 95 / 100 * 5 / 60) }

    private mutating func add(_ entry: Entry) {
        entries.append(entry)
        requests += entry.requests
        tokens += entry.tokens
        while entries[first].time <= entry.time - Self.window {
            requests -= entries[first].requests
            tokens -= entries[first].tokens
            first += 1
        }
        guard first > 1024, first * 2 > entries.count else { return }
        entries.removeFirst(first)
        first = 0
    }
}
