/// What the stand-in has received and sent, as `GET /stand-in/stats` shows it.
package struct ProviderStats: Sendable, Equatable {
    /// One row of the table of calls.
    package struct Row: Sendable, Equatable {
        /// The route's path, or `other`.
        package let path: String
        /// The model's name; empty where there is none, `unknown` where it does not exist.
        package let model: String
        /// The status that was sent, 0 when none was.
        package let status: Int
        /// How many calls.
        package let count: Int
    }

    /// A client that left before its answer was complete.
    package struct Departure: Sendable, Equatable {
        /// The route's path.
        package let path: String
        /// The model's name.
        package let model: String
        /// Some of the answer had been sent.
        package let wasMidAnswer: Bool
        /// Nanoseconds from the request's end to the departure.
        package let afterNS: UInt64
        /// `CLOCK_MONOTONIC` at the departure, comparable between processes of one host, in nanoseconds.
        package let monotonicNS: UInt64
    }

    /// All calls, whatever became of them; those to `/stand-in/` do not count.
    package internal(set) var requests = 0
    /// Calls by path, model and status; at most `maxRows` rows.
    package internal(set) var rows: [Row] = []
    /// Calls with a (path, body) that was seen before, by a hash.
    package internal(set) var duplicateBodies = 0
    /// Calls with an `Idempotency-Key` that was seen before.
    package internal(set) var duplicateIdempotencyKeys = 0
    /// Calls that said they were an SDK's retry (`x-stainless-retry-count` above 0).
    package internal(set) var declaredRetries = 0
    /// Calls whose client left before the end of the answer.
    package internal(set) var clientsLeft = 0
    /// The latest of them; at most `maxDepartures`.
    package internal(set) var departures: [Departure] = []
    /// Calls refused by the rate limiter.
    package internal(set) var rateLimited = 0
    /// Tokens of admitted calls as the token limit counts them: the prompt and the asked-for most output.
    package internal(set) var admittedTokens = 0
    /// Faults that struck, by name.
    package internal(set) var faults: [String: Int] = [:]
    /// Answers that are under way, and the most there ever were at a time.
    package internal(set) var inFlight = 0
    /// See `inFlight`.
    package internal(set) var peakInFlight = 0
    /// Streams that are under way, and the most there ever were at a time.
    package internal(set) var streamsActive = 0
    /// See `streamsActive`.
    package internal(set) var peakStreams = 0
    /// Connections that are open.
    package internal(set) var connections = 0
    /// All connections that were accepted.
    package internal(set) var connectionsAccepted = 0
    /// Bytes of request bodies.
    package internal(set) var bodyBytes = 0

    /// Most rows; calls beyond share one of path `other`.
    static let maxRows = 1024
    /// Most departures that are kept.
    static let maxDepartures = 256

    /// As JSON.
    var json: JSONValue {
        [
            "stand_in": true, "requests": .int(requests), "calls": .array(rows.map(Self.json)),
            "duplicates": ["bodies": .int(duplicateBodies), "idempotency_keys": .int(duplicateIdempotencyKeys)],
            "declared_retries": .int(declaredRetries), "rate_limited": .int(rateLimited),
            "admitted_tokens": .int(admittedTokens),
            "faults": .object(JSONObject(members: faultMembers)),
            "clients_left": ["total": .int(clientsLeft), "latest": .array(departures.map(Self.json))],
            "in_flight": ["now": .int(inFlight), "peak": .int(peakInFlight)],
            "streams": ["now": .int(streamsActive), "peak": .int(peakStreams)],
            "connections": ["now": .int(connections), "accepted": .int(connectionsAccepted)],
            "body_bytes": .int(bodyBytes),
        ]
    }

    private var faultMembers: [JSONObject.Member] {
        faults.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: .int($0.value)) }
    }

    private static func json(_ row: Row) -> JSONValue {
        [
            "path": .string(row.path), "model": .string(row.model), "status": .int(row.status),
            "count": .int(row.count),
        ]
    }

    private static func json(_ departure: Departure) -> JSONValue {
        [
            "path": .string(departure.path), "model": .string(departure.model),
            "mid_answer": .bool(departure.wasMidAnswer), "after_us": .int(Int(departure.afterNS / 1000)),
            "monotonic_ns": .int(Int(departure.monotonicNS)),
        ]
    }
}

/// Keeps the counts. Everything it remembers is bounded.
struct StatsRecorder: Sendable {
    private var stats = ProviderStats()
    private var calls: [CallLabel: Int] = [:]
    private var bodiesSeen: Set<UInt64> = []
    private var keysSeen: Set<UInt64> = []

    /// Hashes that are remembered of bodies and of idempotency keys; those that come later are not.
    private static let maxHashes = 65_536

    var snapshot: ProviderStats {
        var snapshot = stats
        snapshot.rows = calls.sorted { lhs, rhs in
            (lhs.key.path, lhs.key.model, lhs.key.status) < (rhs.key.path, rhs.key.model, rhs.key.status)
        }.map { .init(path: $0.key.path, model: $0.key.model, status: $0.key.status, count: $0.value) }
        return snapshot
    }

    mutating func reset() {
        var fresh = ProviderStats()
        fresh.inFlight = stats.inFlight
        fresh.peakInFlight = stats.inFlight
        fresh.streamsActive = stats.streamsActive
        fresh.peakStreams = stats.streamsActive
        fresh.connections = stats.connections
        self = StatsRecorder()
        stats = fresh
    }

    mutating func received(_ request: IncomingRequest) {
        stats.requests += 1
        stats.bodyBytes += request.body.count
        if let count = request.retryCount.flatMap({ Int($0) }), count > 0 { stats.declaredRetries += 1 }
        if !request.body.isEmpty {
            var hash = FNV1a()
            hash.combine(request.path.utf8)
            hash.combine(request.body)
            if Self.isRepeat(hash.value, &bodiesSeen) { stats.duplicateBodies += 1 }
        }
        if let key = request.idempotencyKey {
            var hash = FNV1a()
            hash.combine(key.utf8)
            if Self.isRepeat(hash.value, &keysSeen) { stats.duplicateIdempotencyKeys += 1 }
        }
    }

    private static func isRepeat(_ hash: UInt64, _ seen: inout Set<UInt64>) -> Bool {
        if seen.contains(hash) { return true }
        if seen.count < maxHashes { seen.insert(hash) }
        return false
    }

    mutating func planned(_ plan: Plan) {
        let fits = calls.count < ProviderStats.maxRows || calls[plan.label] != nil
        let label = fits ? plan.label : CallLabel(path: "other", model: "", status: 0)
        calls[label, default: 0] += 1
    }

    mutating func rateLimited() { stats.rateLimited += 1 }
    mutating func admitted(tokens: Int) { stats.admittedTokens += tokens }
    mutating func struck(_ fault: Fault) { stats.faults[fault.name, default: 0] += 1 }

    mutating func began(isStream: Bool) {
        stats.inFlight += 1
        stats.peakInFlight = max(stats.peakInFlight, stats.inFlight)
        guard isStream else { return }
        stats.streamsActive += 1
        stats.peakStreams = max(stats.peakStreams, stats.streamsActive)
    }

    mutating func ended(isStream: Bool, departure: ProviderStats.Departure?) {
        stats.inFlight -= 1
        if isStream { stats.streamsActive -= 1 }
        guard let departure else { return }
        stats.clientsLeft += 1
        if stats.departures.count == ProviderStats.maxDepartures { stats.departures.removeFirst() }
        stats.departures.append(departure)
    }

    /// Counts a connection, unless there are `limit` already.
    mutating func connected(limit: Int) -> Bool {
        guard stats.connections < limit else { return false }
        stats.connections += 1
        stats.connectionsAccepted += 1
        return true
    }

    mutating func disconnected() { stats.connections -= 1 }
}
