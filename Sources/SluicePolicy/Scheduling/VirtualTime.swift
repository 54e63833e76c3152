/// Virtual time of start-time fair queueing: what a flow has been served, over its weight.
enum VirtualTime {
    /// Parts per charged token, so that weights up to 1,000 divide without much loss.
    static let scale: Int64 = 4096
    /// The most one call is charged: bounds a tag's step.
    static let chargeCeiling = 1_000_000_000
    /// Tags are set back to zero together when they come here.
    static let rebaseAt: Int64 = 1 << 60

    /// The step of a flow's tag for a charge, exact over any number of steps; negative charges step back.
    ///
    /// - Parameter remainder: what earlier divisions left over, 0..<weight.
    static func step(_ charge: Int, weight: Int, remainder: inout Int64) -> Int64 {
        assert(abs(charge) <= chargeCeiling && weight > 0, "charge \(charge) over weight \(weight)")
        let total = Int64(charge) * scale + remainder
        var (step, left) = total.quotientAndRemainder(dividingBy: Int64(weight))
        if left < 0 { (step, left) = (step - 1, left + Int64(weight)) }
        remainder = left
        return step
    }

    /// About that step, for forecasts.
    static func step(_ charge: Int, weight: Int) -> Int64 {
        assert(abs(charge) <= chargeCeiling && weight > 0, "charge \(charge) over weight \(weight)")
        let scaled = Int64(charge) * scale
        return charge >= 0 ? (scaled + Int64(weight) - 1) / Int64(weight) : scaled / Int64(weight)
    }
}
