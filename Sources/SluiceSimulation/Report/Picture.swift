import SluicePolicy

extension RunReport {
    /// The time line as one SVG document that needs nothing else: quota use of each pool, calls waiting and the 95th
    /// percentile of waits by lane.
    package func svg() -> String { Picture(self).text }

    /// The time line and the tables as one HTML document that needs nothing else.
    package func html() -> String {
        let title = SVG.escape("\(name), seed \(seed)")
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>\(title)</title>
            <style>body{font:14px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;color:#222}
            pre{overflow-x:auto;background:#f6f6f4;padding:1em;font-size:12px;line-height:1.45}</style></head>
            <body><h1>\(title)</h1><p>\(SVG.escape(about))</p>
            \(svg())
            <pre>\(SVG.escape(text(tenantRows: 100)))</pre></body></html>

            """
    }
}

/// Lays the panels out one under another.
private struct Picture {
    private let report: RunReport
    private let slots: [Timeline.Slot]
    private let slotMinutes: Double
    private var svg = SVG(width: 960)

    /// Pools that are drawn at most.
    private static let maximumPools = 6
    private static let laneColours = ["#c0392b", "#2471a3", "#1e8449", "#7d6608"]

    init(_ report: RunReport) {
        self.report = report
        slots = report.timeline.slots
        slotMinutes = Double(report.timeline.slotMicroseconds) / 60e6
        svg.title("\(report.name), seed \(report.seed)")
        for index in report.pools.indices.prefix(Self.maximumPools) { drawPool(index) }
        drawQueues()
        drawWaits()
    }

    var text: String { svg.text }

    private func panel(_ title: String, unit: String, _ series: [SVG.Series], mark: Double? = nil) -> SVG.Panel {
        SVG.Panel(
            title: title, unit: unit, series: series, mark: mark, endMinutes: slotMinutes * Double(slots.count))
    }

    private mutating func drawPool(_ index: Int) {
        let pool = report.pools[index]
        var series: [SVG.Series] = []
        if let limit = pool.requestsPerMinute {
            series.append(share("requests", "#2471a3", limit) { $0.requests[index] })
        }
        if let limit = pool.tokensPerMinute {
            series.append(share("reserved tokens", "#ca6f1e", limit) { $0.tokens[index] })
        }
        if series.isEmpty {
            let rate = slots.map { Double($0.requests[index]) / slotMinutes as Double? }
            svg.draw(panel("\(pool.name): requests a minute", unit: "", [SVG.Series("requests", "#2471a3", rate)]))
        } else {
            svg.draw(panel("\(pool.name): per cent of the limit, as sent", unit: "%", series, mark: 100))
        }
        let refused = slots.indices.filter { slots[$0].rateLimited[index] > 0 }
        svg.ticks(refused.map { slotMinutes * (Double($0) + 0.5) }, "429", slotMinutes * Double(slots.count))
    }

    private func share(
        _ name: String, _ colour: String, _ limit: Int, _ value: (Timeline.Slot) -> Int
    ) -> SVG.Series {
        SVG.Series(name, colour, slots.map { Double(value($0)) * 100 / (Double(limit) * slotMinutes) })
    }

    private var lanes: [PolicyLane] { PolicyLane.allCases.filter { report.tally.lane($0).offered > 0 } }

    private mutating func drawQueues() {
        let series = lanes.map { lane in
            SVG.Series(
                LaneNames.all[lane.rawValue], Self.laneColours[lane.rawValue],
                slots.map { Double($0.queued[lane.rawValue]) })
        }
        svg.draw(panel("calls waiting", unit: "", series))
    }

    private mutating func drawWaits() {
        let series = lanes.map { lane in
            SVG.Series(
                LaneNames.all[lane.rawValue], Self.laneColours[lane.rawValue],
                slots.map { slot in slot.waits[lane.rawValue].map { Double($0) / 1e6 } })
        }
        svg.draw(panel("wait of calls sent, 95th percentile", unit: " s", series))
    }
}
