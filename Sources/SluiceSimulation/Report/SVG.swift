/// Line charts, one under another, in one SVG document.
struct SVG {
    struct Series {
        let name: String
        let colour: String
        /// One for each slot of time; nil where there is nothing to show.
        let values: [Double?]

        init(_ name: String, _ colour: String, _ values: [Double?]) {
            (self.name, self.colour, self.values) = (name, colour, values)
        }
    }

    struct Panel {
        let title: String
        let unit: String
        let series: [Series]
        /// A level that is drawn as a line.
        let mark: Double?
        let endMinutes: Double
    }

    private let width: Double
    private var height = 0.0
    private var body = ""

    private static let chart = (left: 64.0, right: 16.0, height: 130.0, gap: 44.0)

    init(width: Double) { self.width = width }

    var text: String {
        let size = "\(Figures.fixed(width, 0)) \(Figures.fixed(height + 24, 0))"
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(size)" font-family="system-ui,sans-serif" \
            font-size="12"><rect width="100%" height="100%" fill="#fff"/>
            \(body)</svg>

            """
    }

    mutating func title(_ title: String) {
        height += 28
        label(title, Self.chart.left, height - 8, size: 16)
    }

    mutating func draw(_ panel: Panel) {
        let top = height + Self.chart.gap
        let most = Self.ceiling(max(panel.mark ?? 0, panel.series.flatMap { $0.values.compactMap { $0 } }.max() ?? 0))
        label(panel.title, Self.chart.left, top - 8, weight: "600")
        legend(panel.series, top - 8)
        axes(panel, top, most)
        for series in panel.series { line(series, top, most) }
        height = top + Self.chart.height + 16
    }

    /// Small marks under the panel that was drawn last.
    mutating func ticks(_ minutes: [Double], _ name: String, _ endMinutes: Double) {
        guard !minutes.isEmpty else { return }
        let y = height - 14
        for minute in minutes {
            let x = Self.chart.left + span * minute / endMinutes
            body += "<rect x=\"\(Self.point(x - 1))\" y=\"\(Self.point(y))\" "
            body += "width=\"2\" height=\"6\" fill=\"#c0392b\"/>"
        }
        label(name, 12, y + 7, colour: "#c0392b")
    }

    static func escape(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }

    // MARK: Parts

    private var span: Double { width - Self.chart.left - Self.chart.right }

    private mutating func label(
        _ text: String, _ x: Double, _ y: Double, anchor: String = "start", colour: String = "#333", size: Int = 12,
        weight: String = "400"
    ) {
        body += "<text x=\"\(Self.point(x))\" y=\"\(Self.point(y))\" text-anchor=\"\(anchor)\" fill=\"\(colour)\" "
        body += "font-size=\"\(size)\" font-weight=\"\(weight)\">\(Self.escape(text))</text>\n"
    }

    private mutating func legend(_ series: [Series], _ y: Double) {
        var x = width - Self.chart.right
        for series in series.reversed() {
            label(series.name, x, y, anchor: "end", colour: series.colour)
            x -= Double(series.name.count) * 6.8 + 16
        }
    }

    private mutating func axes(_ panel: Panel, _ top: Double, _ most: Double) {
        for step in 0...4 {
            let y = top + Self.chart.height * Double(4 - step) / 4
            rule(Self.chart.left, y, width - Self.chart.right, y, "#e5e5e0")
            let value = most * Double(step) / 4
            label(
                Figures.fixed(value, most < 4 ? 2 : most < 40 ? 1 : 0) + panel.unit, Self.chart.left - 6, y + 4,
                anchor: "end", colour: "#777", size: 10)
        }
        if let mark = panel.mark {
            let y = top + Self.chart.height * (1 - mark / most)
            rule(Self.chart.left, y, width - Self.chart.right, y, "#999", dash: "4 3")
        }
        for step in 0...6 {
            let x = Self.chart.left + span * Double(step) / 6
            let minute = panel.endMinutes * Double(step) / 6
            label(
                Figures.fixed(minute, panel.endMinutes < 12 ? 1 : 0) + " min", x, top + Self.chart.height + 14,
                anchor: step == 0 ? "start" : step == 6 ? "end" : "middle", colour: "#777", size: 10)
        }
    }

    private mutating func rule(
        _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ colour: String, dash: String = "none"
    ) {
        body += "<line x1=\"\(Self.point(x1))\" y1=\"\(Self.point(y1))\" x2=\"\(Self.point(x2))\" "
        body += "y2=\"\(Self.point(y2))\" stroke=\"\(colour)\" stroke-dasharray=\"\(dash)\"/>\n"
    }

    private mutating func line(_ series: Series, _ top: Double, _ most: Double) {
        var path = ""
        var isDown = false
        for (index, value) in series.values.enumerated() {
            guard let value else {
                isDown = false
                continue
            }
            let x = Self.chart.left + span * (Double(index) + 0.5) / Double(series.values.count)
            let y = top + Self.chart.height * (1 - value / most)
            // A slot with nothing on either side is a line of no length, which the round cap makes a dot.
            path += isDown ? "L" : "M\(Self.point(x)) \(Self.point(y))L"
            path += "\(Self.point(x)) \(Self.point(y))"
            isDown = true
        }
        body += "<path d=\"\(path)\" fill=\"none\" stroke=\"\(series.colour)\" stroke-width=\"1.6\" "
        body += "stroke-linejoin=\"round\" stroke-linecap=\"round\"/>\n"
    }

    private static func point(_ value: Double) -> String { Figures.fixed(value, 1) }

    /// The next of 1, 2, 4, 5, 8 times a power of ten.
    private static func ceiling(_ value: Double) -> Double {
        var scale = 0.01
        while scale < 1e12 {
            for step in [1.0, 2, 4, 5, 8] where step * scale >= value && step * scale > 0 { return step * scale }
            scale *= 10
        }
        return value
    }
}
