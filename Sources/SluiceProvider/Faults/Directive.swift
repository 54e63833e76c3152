/// What a caller asks of the stand-in itself, beside the call: a fault, or a tuning of the answer.
///
/// It is written as `key=value` pairs with commas between them, in the header `x-sluice-fault` or behind a colon at the
/// end of the model's name, since a call that goes through an agent cannot set headers:
/// `gpt-4o-mini:fault=429,retry-after-ms=50,times=2`. The first pair of a header may be the fault's word alone.
struct Directive: Sendable, Equatable {
    var fault: Fault?
    /// Time to first token, in milliseconds.
    var firstTokenMS: Double?
    var tokensPerSecond: Double?
    /// Length of a text that nothing else limits.
    var outputTokens: Int?
    /// Part of the prompt that the usage calls cached.
    var cachedTokens = 0
    /// Part of the output that the usage calls reasoning.
    var reasoningTokens = 0

    /// Longest directive that is read, in bytes.
    static let maxBytes = 256

    /// Splits `base:key=value,…`. A colon without a `=` behind it belongs to the name (`ft:gpt-4o:org::id`).
    static func split(model: String) -> (base: String, directive: String?) {
        guard let equals = model.firstIndex(of: "="), let colon = model[..<equals].lastIndex(of: ":") else {
            return (model, nil)
        }
        return (String(model[..<colon]), String(model[model.index(after: colon)...]))
    }

    /// Asks nothing.
    init() {}

    /// Reads a directive; the message of a refusal says what is wrong with it.
    init(_ text: String) throws(APIError) {
        guard text.utf8.count <= Self.maxBytes, text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) else {
            throw Self.wrong("at most \(Self.maxBytes) printable ASCII characters")
        }
        for (index, pair) in text.split(separator: ",").enumerated() {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if parts.count == 1, index == 0 {
                try setFault(parts[0])
            } else if parts.count == 2 {
                try set(parts[0], parts[1])
            } else {
                throw Self.wrong("'\(pair)' is not a key=value pair")
            }
        }
    }

    private static func wrong(_ rule: String) -> APIError {
        .invalid("stand_in_directive", "The stand-in does not understand its directive: \(rule).", param: "model")
    }

    private mutating func setFault(_ word: String) throws(APIError) {
        guard let kind = Fault.Kind(word: word) else { throw Self.wrong("there is no fault '\(word)'") }
        fault = Fault(kind: kind, name: word)
    }

    private mutating func set(_ key: String, _ value: String) throws(APIError) {
        switch key {
        case "fault": try setFault(value)
        case "ttft-ms": firstTokenMS = Double(try Self.number(key, value, in: 0...600_000))
        case "tokens-per-second": tokensPerSecond = Double(try Self.number(key, value, in: 0...1_000_000))
        case "output-tokens": outputTokens = try Self.number(key, value, in: 1...1_000_000)
        case "cached-tokens": cachedTokens = try Self.number(key, value, in: 0...10_000_000)
        case "reasoning-tokens": reasoningTokens = try Self.number(key, value, in: 0...1_000_000)
        // A tag only keeps the `times` of one test apart from another's.
        case "tag": break
        default:
            guard var fault else { throw Self.wrong("no key '\(key)', or it has no fault before it") }
            try Self.set(key, value, of: &fault)
            self.fault = fault
        }
    }

    private static func set(_ key: String, _ value: String, of fault: inout Fault) throws(APIError) {
        switch key {
        case "retry-after-ms": fault.retryAfterMS = value
        case "retry-after": fault.retryAfter = value
        case "retry-after-date": fault.retryAfterDateSeconds = try number(key, value, in: -86_400...86_400)
        case "should-retry": fault.shouldRetry = value
        case "code": fault.code = value
        case "after": fault.after = try number(key, value, in: 0...1_000_000)
        case "bytes": fault.bytes = try number(key, value, in: 1...Fault.maxBytes)
        case "delay-ms": fault.delayMS = try number(key, value, in: 0...600_000)
        case "times": fault.times = try number(key, value, in: 1...1_000_000)
        default: throw wrong("there is no key '\(key)'")
        }
    }

    private static func number(
        _ key: String, _ value: String, in range: ClosedRange<Int>
    ) throws(APIError) -> Int {
        guard let number = Int(value), range.contains(number) else {
            throw wrong("'\(key)' takes \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
