@testable import SluicePolicy

/// What a simulated call should be doing, kept apart from the engine.
struct ModelCall {
    enum State { case queued, sent, waiting }

    var pool: Int
    var cost: Int
    var bytes: Int
    var deadline: Int64
    /// Order of admission over all pools.
    var sequence: Int
    var state = State.queued
    var attempts = 0
    var dueAt: Int64 = 0
}

/// A pool's quota and queue, written down a second time in the plainest way.
struct ModelPool {
    var settings: PoolParameters
    var learned = PoolLimits()
    var requests: ReferenceBucket?
    var tokens: ReferenceBucket?
    var frozenUntil = Int64.min
    var inFlight = 0
    /// Who waits, in order of admission.
    var queue: [Int] = []
    var queuedBytes = 0
    /// What went out, for the check of windows: time, tokens and what was given back of them.
    var sends: [(time: Int64, tokens: Int)] = []
    var returned: [(time: Int64, tokens: Int, requests: Int)] = []
    var wasReshaped = false

    init(_ settings: PoolParameters, at now: Int64) {
        self.settings = settings
        applyLimits(at: now)
    }

    var requestLimit: Int? { settings.limits.requestsPerMinute ?? learned.requestsPerMinute }
    var tokenLimit: Int? { settings.limits.tokensPerMinute ?? learned.tokensPerMinute }

    mutating func applyLimits(at now: Int64) {
        Self.apply(requestLimit, &requests, at: now)
        Self.apply(tokenLimit, &tokens, at: now)
    }

    private static func apply(_ limit: Int?, _ bucket: inout ReferenceBucket?, at now: Int64) {
        guard let limit else {
            bucket = nil
            return
        }
        let rate = max(1, limit * 95 / 100)
        let capacity = max(1, rate / 12)
        if bucket == nil { bucket = ReferenceBucket(rate: rate, capacity: capacity, at: now) }
        bucket?.resize(rate: rate, capacity: capacity, at: now)
    }

    func grants(_ cost: Int, at now: Int64) -> Bool {
        now >= frozenUntil && requests?.covers(1, at: now) ?? true && tokens?.covers(cost, at: now) ?? true
    }

    mutating func take(_ cost: Int, at now: Int64) {
        requests?.add(-1, at: now)
        tokens?.add(-cost, at: now)
        sends.append((now, cost))
    }

    mutating func giveBack(requests count: Int, tokens amount: Int, at now: Int64) {
        requests?.add(count, at: now)
        tokens?.correct(by: amount, at: now)
        returned.append((now, max(0, amount), count))
    }

    /// The place of `sequence` in the queue, or where it belongs.
    private func place(_ sequence: Int) -> Int {
        var (low, high) = (0, queue.count)
        while low < high {
            let middle = (low + high) / 2
            if queue[middle] < sequence { low = middle + 1 } else { high = middle }
        }
        return low
    }

    mutating func enqueue(_ call: ModelCall) {
        queue.insert(call.sequence, at: place(call.sequence))
        queuedBytes += call.bytes
    }

    mutating func dequeue(_ call: ModelCall) -> Bool {
        let index = place(call.sequence)
        guard index < queue.count, queue[index] == call.sequence else { return false }
        queue.remove(at: index)
        queuedBytes -= call.bytes
        return true
    }

    /// The largest excess of requests and of tokens over their bound in any window of `length` µs that ends with a
    /// send; at most zero in a pool whose limits never changed.
    func worstWindow(length: Int64, largest: Int) -> (requests: Int, tokens: Int) {
        var (first, firstReturned, count, sum) = (0, 0, 0, 0)
        var worst = (requests: Int.min, tokens: Int.min)
        for (index, send) in sends.enumerated() {
            count += 1
            sum += send.tokens
            while sends[first].time <= send.time - length {
                count -= 1
                sum -= sends[first].tokens
                first += 1
            }
            while firstReturned < returned.count, returned[firstReturned].time < send.time - length {
                firstReturned += 1
            }
            guard index == sends.count - 1 || sends[index + 1].time > send.time else { continue }
            let back = returned[firstReturned...].prefix { $0.time <= send.time }
            if let requests {
                let bound = requests.capacity + Int(Int64(requests.rate) * length / 60_000_000) + 1
                worst.requests = max(worst.requests, count - bound - back.reduce(0) { $0 + $1.requests })
            }
            if let tokens {
                let bound = tokens.capacity + Int(Int64(tokens.rate) * length / 60_000_000) + 1 + largest
                worst.tokens = max(worst.tokens, sum - bound - back.reduce(0) { $0 + $1.tokens })
            }
        }
        return worst
    }
}

/// Simulated events by time, then by the order in which they were planned.
struct Agenda {
    enum Event {
        case arrival
        case ending(CallID, attempt: Int)
        case cancel(CallID)
        case reconfigure
        case observe
        case heal
    }

    private var heap = SlotHeap()
    private var events: [Event] = []

    var firstTime: Int64? { heap.firstKey }

    mutating func add(_ event: Event, at time: Int64) {
        events.append(event)
        heap.insert(events.count - 1, key: time)
    }

    mutating func popFirst() -> Event? { heap.popFirst().map { events[$0] } }
}
