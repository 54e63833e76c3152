/// How a family of models counts an image (OpenAI, *Images and vision*, *Calculating costs*; editions of 2025 and
/// 2026). The factor 1.2 of gpt-5.2 and later is that of the litellm package 1.110.2; calibration does not correct it,
/// settlement does. Families that are not listed, and models that are no OpenAI's, are counted like `gpt-4o`.
enum ImageTokenRule: Equatable, Sendable {
    /// `base` at low detail; else also `perTile` for each 512-pixel tile, after the image was fitted into 2048 × 2048
    /// and its shorter side into 768.
    case tiles(base: Int, perTile: Int)
    /// 32-pixel patches times a factor.
    case patches(PatchRule)

    static func of(model: String?) -> ImageTokenRule {
        guard let name = model.map(ModelName.bare) else { return gpt4o }
        return families.first { name.hasPrefix($0.prefix) }?.rule ?? gpt4o
    }

    /// Tokens of one image.
    func tokens(_ size: ImageSize, _ detail: ImageDetail) -> Int {
        switch self {
        case .tiles(let base, let perTile): detail == .low ? base : base + perTile * Self.tiles(size)
        case .patches(let rule): rule.tokens(size, detail)
        }
    }

    private static func tiles(_ size: ImageSize) -> Int {
        var (width, height) = (size.width, size.height)
        let longer = max(width, height)
        if longer > 2048 { (width, height) = (max(1, width * 2048 / longer), max(1, height * 2048 / longer)) }
        let shorter = min(width, height)
        if shorter > 768 { (width, height) = (width * 768 / shorter, height * 768 / shorter) }
        return (width + 511) / 512 * ((height + 511) / 512)
    }

    private static let gpt4o = tiles(base: 85, perTile: 170)

    /// The first prefix that fits holds, so a family's special members come before it.
    private static let families: [(prefix: String, rule: ImageTokenRule)] = [
        ("gpt-4o-mini", .tiles(base: 2833, perTile: 5667)), ("gpt-4o", gpt4o),
        ("gpt-4.1-mini", .patches(.fixed(percent: 162))), ("gpt-4.1-nano", .patches(.fixed(percent: 246))),
        ("o4-mini", .patches(.fixed(percent: 172))), ("o1", .tiles(base: 75, perTile: 150)),
        ("o3", .tiles(base: 75, perTile: 150)), ("computer-use", .tiles(base: 65, perTile: 129)),
        ("gpt-5-mini", .patches(.fixed(percent: 162))), ("gpt-5-nano", .patches(.fixed(percent: 246))),
        ("gpt-5.4-mini", .patches(.fixed(percent: 162))), ("gpt-5.4-nano", .patches(.fixed(percent: 246))),
        ("gpt-5-codex", .patches(.fixed(percent: 120))), ("gpt-5.1-codex", .patches(.fixed(percent: 120))),
        ("gpt-5.2", .patches(.fixed(percent: 120))), ("gpt-5.3", .patches(.fixed(percent: 120))),
        ("gpt-5.4", .patches(.detailed(percent: 120, auto: .high, original: .bounded))),
        ("gpt-5.5", .patches(.detailed(percent: 120, auto: .original, original: .bounded))),
        ("gpt-5.6", .patches(.detailed(percent: 120, auto: .original, original: .free))),
        ("gpt-6", .patches(.detailed(percent: 120, auto: .original, original: .free))),
        ("gpt-5", .tiles(base: 70, perTile: 140)),
    ]
}

/// Counting by patches of 32 × 32 pixels: so many as cover the image, the image shrunk first where they would be more
/// than a budget, times the model's factor.
struct PatchRule: Equatable, Sendable {
    /// How far an image is shrunk: to at most so many patches, and to sides of at most so many pixels.
    struct Budget: Equatable, Sendable {
        var patches: Int
        var side: Int

        /// The five mini and nano models and the codex family.
        static let small = Budget(patches: 1536, side: 2048)
        static let high = Budget(patches: 2500, side: 2048)
        /// `original` up to gpt-5.5.
        static let bounded = Budget(patches: 10_000, side: 6000)
        /// `original` without a published bound; 30,000 patches is ours, to keep a lying header from reserving all.
        static let free = Budget(patches: 30_000, side: ImageSize.maxSide)
        /// Low detail: a picture of 512 × 512.
        static let low = Budget(patches: 256, side: 512)
    }

    /// Tokens per hundred patches.
    var percent: Int
    var low: Budget
    var high: Budget
    var original: Budget
    var auto: Budget

    /// Models that count alike at every detail.
    static func fixed(percent: Int) -> PatchRule {
        PatchRule(percent: percent, low: .small, high: .small, original: .small, auto: .small)
    }

    /// Models that look as closely as they are told to; `auto` says what they do untold.
    static func detailed(percent: Int, auto: ImageDetail, original: Budget) -> PatchRule {
        PatchRule(
            percent: percent, low: .low, high: .high, original: original,
            auto: auto == .original ? original : .high)
    }

    func tokens(_ size: ImageSize, _ detail: ImageDetail) -> Int {
        let budget =
            switch detail {
            case .low: low
            case .high: high
            case .original: original
            case .auto: auto
            }
        return (Self.patches(size, budget) * percent + 99) / 100
    }

    /// The page's own formula: shrink by √(32² · budget / area), then a little more so that whole patches fit.
    private static func patches(_ size: ImageSize, _ budget: Budget) -> Int {
        var (width, height) = (size.width, size.height)
        let longer = max(width, height)
        if longer > budget.side {
            (width, height) = (max(1, width * budget.side / longer), max(1, height * budget.side / longer))
        }
        let whole = (width + 31) / 32 * ((height + 31) / 32)
        guard whole > budget.patches else { return whole }
        let shrink = (1024 * Double(budget.patches) / (Double(width) * Double(height))).squareRoot()
        let across = Double(width) * shrink / 32
        let down = Double(height) * shrink / 32
        // A strip thinner than a patch cannot be shrunk to whole ones: it stays one patch thin.
        let fit = min(across < 1 ? 1 : across.rounded(.down) / across, down < 1 ? 1 : down.rounded(.down) / down)
        // A hair more than nothing, so that a side that came out whole is not counted as one patch more.
        let columns = Int((across * fit - 1e-6).rounded(.up))
        let rows = Int((down * fit - 1e-6).rounded(.up))
        return min(budget.patches, max(1, columns) * max(1, rows))
    }
}
