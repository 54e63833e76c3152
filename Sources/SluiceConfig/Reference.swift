extension Catalogue {
    /// The reference of all settings as a Markdown table; the documentation holds a copy that a test can compare.
    package static func markdown() -> String {
        var text = "| setting | type | default | change | what it does |\n|---|---|---|---|---|\n"
        for setting in settings {
            let type = setting.range.map { "\(setting.type), \($0)" } ?? setting.type
            let cells = [
                "`\(setting.path)`", type,
                setting.defaultValue.map { "`\($0)`" } ?? (setting.isRequired ? "required" : ""),
                setting.effect.rawValue, setting.summary,
            ]
            text += "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
        }
        return text
    }
}
