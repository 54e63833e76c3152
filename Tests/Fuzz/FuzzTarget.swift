/// A promise that an input broke.
struct Violation: Error {
    let promise: String

    init(_ promise: String) { self.promise = promise }
}

/// One parser under test.
protocol FuzzTarget: Sendable {
    /// An input made from nothing but `random`.
    func make(_ random: inout Random) -> [UInt8]

    /// Gives the input to the parser and checks what it promises. `random` chooses cuts and bounds.
    ///
    /// - Returns: whether the parser accepted the input.
    func run(_ input: [UInt8], _ random: inout Random) throws(Violation) -> Bool
}

/// Breaks off when a promise does not hold.
func require(_ holds: Bool, _ promise: @autoclosure () -> String) throws(Violation) {
    if !holds { throw Violation(promise()) }
}

/// The targets by the names of the command line.
enum FuzzTargets {
    static var all: [(name: String, target: any FuzzTarget)] {
        var all: [(String, any FuzzTarget)] = [
            ("frames", FramesTarget()), ("json", JSONTarget()), ("sse", SSETarget()),
        ]
        #if canImport(SluiceConfig)
            all.append(("config", ConfigTarget()))
        #endif
        return all
    }

    static func named(_ name: String) -> (any FuzzTarget)? { all.first { $0.name == name }?.target }
}
