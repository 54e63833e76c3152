import SluicePolicy

extension RunReport {
    /// The whole report as one JSON object on one line; times are milliseconds, spend is US dollars.
    package func json() -> String {
        var object = JSONObject()
        object.add("scenario", name)
        object.add("seed", raw: String(seed))
        object.add("run", digestText)
        object.add("measured_s", Double(measured) / 1e6)
        object.add("ended_s", Double(endedAt) / 1e6)
        object.add("total", Self.row(tally.total))
        object.add("pools", pools.map(Self.pool))
        object.add("lanes", lanes())
        object.add("tenants", tenantRows())
        object.add("eta_error_ms", Self.percentiles(estimateErrors))
        object.add("violations", raw: String(violationCount))
        object.add("broken", violations.map(Self.violation))
        return object.text
    }

    private func lanes() -> [JSONObject] {
        PolicyLane.allCases.compactMap { lane in
            let row = tally.lane(lane)
            guard row.offered > 0 else { return nil }
            var object = JSONObject()
            object.add("lane", LaneNames.all[lane.rawValue])
            if let jain = jain[lane.rawValue] { object.add("jain", jain) }
            return object.merging(Self.row(row))
        }
    }

    private func tenantRows() -> [JSONObject] {
        (-1..<tenants.count).flatMap { index in
            PolicyLane.allCases.compactMap { lane -> JSONObject? in
                let row = tally[index < 0 ? nil : index, lane]
                guard row.offered > 0 else { return nil }
                var object = JSONObject()
                if index >= 0 { object.add("tenant", tenants[index]) }
                object.add("lane", LaneNames.all[lane.rawValue])
                return object.merging(Self.row(row))
            }
        }
    }

    private static func row(_ row: TallyRow) -> JSONObject {
        var object = JSONObject()
        object.add("calls", raw: String(row.offered))
        object.add("admitted", raw: String(row.admitted))
        object.add("served", raw: String(row.served))
        object.add("refused", counts(Refusal.words, row.refused))
        object.add("failed", counts(FailureKind.allCases.map(\.rawValue), row.failed))
        object.add("expired", raw: String(row.expired))
        object.add("cancelled", raw: String(row.cancelled))
        object.add("fell_back", raw: String(row.fellBack))
        object.add("attempts", raw: String(row.attempts))
        object.add("rate_limited", raw: String(row.rateLimited))
        object.add("wait_ms", percentiles(row.waits))
        object.add("sent", raw: String(row.sentWaits.count))
        object.add("sent_wait_ms", percentiles(row.sentWaits))
        object.add("answer_ms", percentiles(row.answers))
        object.add("reserved_tokens", raw: String(row.sentTokens))
        object.add("input_tokens", raw: String(row.inputTokens))
        object.add("output_tokens", raw: String(row.outputTokens))
        object.add("spend_usd", raw: Figures.dollars(row.picoDollars, 6))
        return object
    }

    private static func counts(_ names: [String], _ values: [Int]) -> JSONObject {
        var object = JSONObject()
        for (name, value) in zip(names, values) where value > 0 { object.add(name, raw: String(value)) }
        return object
    }

    /// Zeros where nothing was measured.
    private static func percentiles(_ spans: SpanHistogram) -> JSONObject {
        var object = JSONObject()
        for (name, perMille) in [("p50", 500), ("p95", 950), ("p99", 990)] {
            object.add(name, Double(spans.percentile(perMille: perMille) ?? 0) / 1000)
        }
        object.add("mean", spans.count == 0 ? 0 : Double(spans.sum) / Double(spans.count) / 1000)
        return object
    }

    private static func pool(_ pool: PoolFigures) -> JSONObject {
        var object = JSONObject()
        object.add("pool", pool.name)
        object.add("requests", raw: String(pool.requests))
        object.add("tokens", raw: String(pool.tokens))
        object.add("reserved_tokens", raw: String(pool.reservedTokens))
        object.add("rate_limited", raw: String(pool.rateLimited))
        if let share = pool.requestsPerMille { object.add("usable_requests_used", Double(share) / 1000) }
        if let share = pool.tokensPerMille { object.add("usable_tokens_used", Double(share) / 1000) }
        if let share = pool.backlogPerMille { object.add("used_while_calls_wait", Double(share) / 1000) }
        object.add("seconds_with_calls_waiting", raw: String(pool.backlogSeconds))
        return object
    }

    private static func violation(_ violation: Violation) -> JSONObject {
        var object = JSONObject()
        object.add("invariant", violation.invariant.rawValue)
        object.add("at_s", Double(violation.at) / 1e6)
        object.add("message", violation.message)
        return object
    }
}

/// One JSON object, member by member in the order given.
package struct JSONObject: Sendable {
    private var members: [String] = []

    /// An empty object.
    package init() {}

    /// The object on one line.
    package var text: String { "{\(members.joined(separator: ","))}" }

    /// Adds a member whose value is JSON already.
    package mutating func add(_ key: String, raw: String) { members.append("\(Self.quote(key)):\(raw)") }

    /// Adds text.
    package mutating func add(_ key: String, _ text: String) { add(key, raw: Self.quote(text)) }

    mutating func add(_ key: String, _ number: Double) { add(key, raw: Figures.fixed(number, 3)) }
    mutating func add(_ key: String, _ object: JSONObject) { add(key, raw: object.text) }

    /// Adds a list of objects.
    package mutating func add(_ key: String, _ list: [JSONObject]) {
        add(key, raw: "[\(list.map(\.text).joined(separator: ","))]")
    }

    func merging(_ other: JSONObject) -> JSONObject {
        var merged = self
        merged.members += other.members
        return merged
    }

    private static func quote(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                quoted += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
