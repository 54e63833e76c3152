import SluicePolicy

extension RunReport {
    /// Tables for people: what ran, the pools, the lanes, the tenants, and what was broken.
    ///
    /// - Parameter tenantRows: tenants that are listed at most, those with the most calls first.
    package func text(tenantRows: Int = 24) -> String {
        var lines = ["\(name), seed \(seed): \(Figures.span(measured)) of virtual time, run \(digestText)"]
        if !about.isEmpty { lines.append(about) }
        lines.append("")
        lines += poolTable().lines
        lines.append("")
        lines += laneTable().lines
        if !tenants.isEmpty, tenantRows > 0 {
            lines.append("")
            lines += tenantTable(limit: tenantRows)
        }
        lines.append("")
        lines.append(closing)
        lines += violations.map { "broken: \($0)" }
        return lines.joined(separator: "\n") + "\n"
    }

    private var closing: String {
        let total = tally.total
        let ratio = total.admitted == 0 ? 0 : Double(total.attempts) / Double(total.admitted)
        var text = "\(Figures.whole(total.offered)) calls, \(Figures.whole(total.served)) served, "
        text += "\(Figures.whole(total.rateLimited)) 429s, \(Figures.fixed(ratio, 3)) attempts per call let in"
        if total.picoDollars > 0 { text += ", $\(Figures.dollars(total.picoDollars))" }
        let (middle, high) = (estimateErrors.percentile(perMille: 500), estimateErrors.percentile(perMille: 950))
        if let middle, let high {
            text += "; first estimates of the start were off by \(Figures.span(middle)) (p50), "
            text += "\(Figures.span(high)) (p95)"
        }
        return text
    }

    private func poolTable() -> TextTable {
        var table = TextTable([
            "pool", "requests", "tokens", "of usable requests", "of usable tokens", "while calls wait", "429s",
        ])
        for pool in pools {
            table.add([
                pool.name, Figures.whole(pool.requests), Figures.whole(pool.tokens),
                Figures.percent(perMille: pool.requestsPerMille), Figures.percent(perMille: pool.tokensPerMille),
                Figures.percent(perMille: pool.backlogPerMille), Figures.whole(pool.rateLimited),
            ])
        }
        return table
    }

    private static let columns = [
        "calls", "served", "refused", "expired", "failed", "wait p50", "p95", "p99", "answer p95", "429s", "attempts",
    ]

    private func laneTable() -> TextTable {
        var table = TextTable(["lane"] + Self.columns + ["Jain", "refused because"])
        for lane in PolicyLane.allCases {
            let row = tally.lane(lane)
            guard row.offered > 0 else { continue }
            let jain = jain[lane.rawValue].map { Figures.fixed($0, 3) } ?? "-"
            table.add([LaneNames.all[lane.rawValue]] + cells(row) + [jain, reasons(row)])
        }
        return table
    }

    private func tenantTable(limit: Int) -> [String] {
        var rows: [(name: String, lane: PolicyLane, row: TallyRow)] = []
        for index in -1..<tenants.count {
            for lane in PolicyLane.allCases {
                let row = tally[index < 0 ? nil : index, lane]
                if row.offered > 0 { rows.append((index < 0 ? "(none)" : tenants[index], lane, row)) }
            }
        }
        let ranked = rows.enumerated().sorted {
            ($1.element.row.offered, $0.offset) < ($0.element.row.offered, $1.offset)
        }
        var table = TextTable(["tenant", "lane"] + Self.columns + ["tokens used", "spend"])
        for (_, entry) in ranked.prefix(limit) {
            let used = Figures.whole(entry.row.inputTokens + entry.row.outputTokens)
            let spend = entry.row.picoDollars > 0 ? "$" + Figures.dollars(entry.row.picoDollars) : "-"
            table.add([entry.name, LaneNames.all[entry.lane.rawValue]] + cells(entry.row) + [used, spend])
        }
        let left = rows.count - min(limit, rows.count)
        return table.lines + (left > 0 ? ["and \(left) more (all of them with --json)"] : [])
    }

    private func cells(_ row: TallyRow) -> [String] {
        let attempts = row.admitted == 0 ? "-" : Figures.fixed(Double(row.attempts) / Double(row.admitted), 2)
        return [
            Figures.whole(row.offered), Figures.whole(row.served), Figures.whole(row.refused.reduce(0, +)),
            Figures.whole(row.expired), Figures.whole(row.failed.reduce(0, +)),
            Figures.span(row.waits.percentile(perMille: 500)), Figures.span(row.waits.percentile(perMille: 950)),
            Figures.span(row.waits.percentile(perMille: 990)), Figures.span(row.answers.percentile(perMille: 950)),
            Figures.whole(row.rateLimited), attempts,
        ]
    }

    private func reasons(_ row: TallyRow) -> String {
        let found = zip(Refusal.words, row.refused).filter { $0.1 > 0 }
        return found.isEmpty ? "-" : found.map { "\($0.0) \(Figures.whole($0.1))" }.joined(separator: ", ")
    }
}

/// Columns of text: the first flush left, numbers flush right.
struct TextTable {
    private var rows: [[String]]

    init(_ head: [String]) { rows = [head] }

    mutating func add(_ row: [String]) { rows.append(row) }

    var lines: [String] {
        guard let head = rows.first else { return [] }
        let widths = head.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let isText = head.indices.map { column in
            rows.dropFirst().contains { $0[column].first?.isLetter ?? false }
        }
        return rows.map { row in
            let cells = row.indices.map { column -> String in
                let blanks = String(repeating: " ", count: widths[column] - row[column].count)
                return isText[column] ? row[column] + blanks : blanks + row[column]
            }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}

extension RunReport {
    /// One line: for a list of many seeds.
    package var line: String {
        let total = tally.total
        let waits = Figures.span(total.waits.percentile(perMille: 950))
        let broken = violationCount == 0 ? "" : ", BROKEN: \(violations.first.map(\.description) ?? "")"
        return "seed \(seed), run \(digestText): \(Figures.whole(total.offered)) calls, "
            + "\(Figures.whole(total.served)) served, wait p95 \(waits), \(total.rateLimited) 429s\(broken)"
    }
}
