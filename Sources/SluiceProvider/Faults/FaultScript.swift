/// A rule of a fault file: which calls it strikes, and how.
///
/// All conditions that are given must hold; a rule without conditions strikes every call.
struct FaultRule: Sendable, Equatable {
    /// The request's path, such as `/v1/chat/completions`.
    var path: String?
    /// The model; a `*` at the end stands for any rest.
    var model: String?
    /// Chance of a strike, 0 … 1.
    var probability: Double?
    /// Of the calls that match path and model, counted from 1: the first and last that may be struck.
    var fromCall: Int?
    var toCall: Int?
    /// Only every so-many-th of those calls.
    var every: Int?
    /// Milliseconds since the start of the stand-in, or of its period when `periodMS` is given.
    var fromMS: Int?
    var toMS: Int?
    /// The time window repeats so often.
    var periodMS: Int?
    var fault: Fault

    private static let knownKeys: Set<String> = [
        "comment", "path", "model", "probability", "from_call", "to_call", "every", "from_ms", "to_ms",
        "period_ms", "fault",
    ]

    /// Reads one rule; unknown members are refused, so that a typing error does not pass for a rule.
    init(_ fields: Fields) throws(APIError) {
        if let stray = fields.object.members.first(where: { !Self.knownKeys.contains($0.name) }) {
            throw .wrongValue(fields.path(stray.name), "no such member of a rule")
        }
        guard let fault = try Directive(try fields.requiredString("fault")).fault else {
            throw .missing(fields.path("fault"))
        }
        self.fault = fault
        path = try fields.string("path")
        model = try fields.string("model")
        probability = try fields.number("probability", in: 0...1)
        fromCall = try fields.integer("from_call", in: 1 ... .max)
        toCall = try fields.integer("to_call", in: 1 ... .max)
        every = try fields.integer("every", in: 1 ... .max)
        fromMS = try fields.integer("from_ms", in: 0 ... .max)
        toMS = try fields.integer("to_ms", in: 0 ... .max)
        periodMS = try fields.integer("period_ms", in: 1 ... .max)
    }

    func matches(path: String, model: String?) -> Bool {
        if let wanted = self.path, wanted != path { return false }
        guard let wanted = self.model else { return true }
        guard let model else { return false }
        return wanted.last == "*" ? model.hasPrefix(wanted.dropLast()) : model == wanted
    }

    /// Whether the `ordinal`-th matching call, `uptimeMS` after the start, is struck. `draw` is uniform in 0 ..< 1.
    func strikes(ordinal: Int, uptimeMS: Int, draw: Double) -> Bool {
        let moment = periodMS.map { uptimeMS % $0 } ?? uptimeMS
        let first = fromCall ?? 1
        return ordinal >= first && ordinal <= toCall ?? .max && (ordinal - first) % (every ?? 1) == 0
            && moment >= fromMS ?? 0 && moment < toMS ?? .max && draw < probability ?? 1
    }
}

/// The rules of a fault file, `{"rules":[{"model":"gpt-4o*","probability":0.1,"fault":"429,retry-after-ms=50"}]}`, the
/// first that strikes counts.
package struct FaultScript: Sendable, Equatable {
    /// Most rules of one script.
    static let maxRules = 256

    let rules: [FaultRule]

    /// No faults.
    package init() { rules = [] }

    /// Reads a script. Throws `FaultScriptError` that names the offending member.
    package init(json: [UInt8]) throws {
        do {
            guard let object = try JSONParser.parse(json).objectValue else {
                throw APIError.wrongType("the script", expected: "an object")
            }
            let fields = Fields(object)
            let list = try fields.array("rules") ?? []
            guard list.count <= Self.maxRules else { throw APIError.wrongValue("rules", "at most \(Self.maxRules)") }
            rules = try list.enumerated().map { index, rule in
                guard let object = rule.objectValue else {
                    throw APIError.wrongType("rules[\(index)]", expected: "an object")
                }
                return try FaultRule(Fields(object, prefix: "rules[\(index)]."))
            }
        } catch let error as APIError {
            throw FaultScriptError(message: error.message)
        } catch let error as JSONError {
            throw FaultScriptError(message: "Not JSON: \(error.reason) at byte \(error.offset).")
        }
    }
}

/// What is wrong with a fault script.
package struct FaultScriptError: Error, CustomStringConvertible {
    /// One sentence.
    package let message: String
    /// The same sentence.
    package var description: String { message }
}
