import Glibc

/// Generates a value that satisfies a JSON Schema: the subset that OpenAI's structured output takes, and some more.
///
/// Not covered: `not`, `if`, `dependentSchemas`, `patternProperties`, `minProperties`, and `allOf` of anything but
/// objects. What is generated is bounded by `maxCost`: one per value, and the bytes of texts and constants; beyond it
/// all is `null`.
/// Recursion ends at `comfortableDepth`, where optional members, longer arrays and non-null branches are left out, and
/// at `maxDepth` with `null`, whatever the schema says.
struct SchemaGenerator {
    private static let comfortableDepth = 4
    private static let maxDepth = 24
    private static let maxCost = 1_000_000
    /// Most members that are taken from the parts of an `allOf`.
    private static let maxMerged = 1000

    private let root: JSONValue
    private var random: SplitMix64
    private var budget = maxCost

    private init(root: JSONValue, random: SplitMix64) {
        self.root = root
        self.random = random
    }

    /// A value for `schema`, the same for the same state of `random`.
    static func value(for schema: JSONValue, _ random: inout SplitMix64) -> JSONValue {
        var generator = SchemaGenerator(root: schema, random: random)
        defer { random = generator.random }
        return generator.value(for: schema, depth: 0)
    }

    private mutating func value(for schema: JSONValue, depth: Int) -> JSONValue {
        budget -= 1
        guard depth <= Self.maxDepth, budget > 0, let rules = schema.objectValue else { return .null }
        if let constant = rules["const"] { return paid(constant) }
        if let choices = rules["enum"]?.arrayValue, !choices.isEmpty {
            return paid(choices[random.index(below: choices.count)])
        }
        if let reference = rules["$ref"]?.stringValue {
            return value(for: resolve(reference), depth: depth + 1)
        }
        for keyword in ["anyOf", "oneOf"] {
            if let branches = rules[keyword]?.arrayValue, !branches.isEmpty {
                return value(for: pick(from: branches, depth: depth), depth: depth + 1)
            }
        }
        if let parts = rules["allOf"]?.arrayValue { return value(for: merge(rules, parts), depth: depth + 1) }
        return typed(rules, depth: depth)
    }

    /// Takes the size of a value that the schema itself holds from the budget.
    private mutating func paid(_ value: JSONValue) -> JSONValue {
        budget -= JSONWriter.bytes(value).count
        return value
    }

    /// Deep down the branch that ends soonest: `null` if it is there, else the first that is no object or reference.
    private mutating func pick(from branches: [JSONValue], depth: Int) -> JSONValue {
        guard depth > Self.comfortableDepth else { return branches[random.index(below: branches.count)] }
        func type(_ branch: JSONValue) -> String? { branch.objectValue?["type"]?.stringValue }
        return branches.first { type($0) == "null" }
            ?? branches.first { type($0).map { !["object", "array"].contains($0) } ?? false }
            ?? branches[0]
    }

    /// A JSON pointer within the schema's own document (`#`, `#/$defs/name`); anything else is no schema.
    private func resolve(_ reference: String) -> JSONValue {
        guard reference.first == "#" else { return .null }
        var current = root
        for part in reference.dropFirst().split(separator: "/") {
            let name = part.split(separator: "~1", omittingEmptySubsequences: false).joined(separator: "/")
                .split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~")
            if let list = current.arrayValue, let index = Int(name), list.indices.contains(index) {
                current = list[index]
            } else {
                current = current.objectValue?[name] ?? .null
            }
        }
        return current
    }

    private func merge(_ rules: JSONObject, _ parts: [JSONValue]) -> JSONValue {
        var merged = rules
        merged["allOf"] = nil
        for part in parts.prefix(16) {
            let target = part.objectValue?["$ref"]?.stringValue.map(resolve) ?? part
            for member in (target.objectValue?.members ?? []).prefix(Self.maxMerged) {
                merged[member.name] = combine(member.name, merged[member.name], member.value)
            }
        }
        return .object(merged)
    }

    private func combine(_ keyword: String, _ old: JSONValue?, _ new: JSONValue) -> JSONValue {
        switch (keyword, old, new) {
        case ("properties", .object(let first)?, .object(let second)):
            .object(JSONObject(members: first.members + second.members))
        case ("required", .array(let first)?, .array(let second)): .array(first + second)
        default: new
        }
    }

    private mutating func typed(_ rules: JSONObject, depth: Int) -> JSONValue {
        switch typeName(rules, depth: depth) {
        case "object": object(rules, depth: depth)
        case "array": array(rules, depth: depth)
        case "string": .string(string(rules))
        case "integer": .int(integer(rules))
        case "number": number(rules)
        case "boolean": .bool(random.next() & 1 == 1)
        default: .null
        }
    }

    private func typeName(_ rules: JSONObject, depth: Int) -> String {
        switch rules["type"] {
        case .string(let name): return name
        case .array(let names):
            let texts = names.compactMap(\.stringValue)
            if depth > Self.comfortableDepth, texts.contains("null") { return "null" }
            return texts.first { $0 != "null" } ?? "null"
        default:
            if rules["properties"] != nil { return "object" }
            if rules["items"] != nil || rules["prefixItems"] != nil { return "array" }
            return "string"
        }
    }
}

// MARK: Containers

extension SchemaGenerator {
    private mutating func object(_ rules: JSONObject, depth: Int) -> JSONValue {
        let required = Set((rules["required"]?.arrayValue ?? []).compactMap(\.stringValue))
        let properties = rules["properties"]?.objectValue?.members ?? []
        var result = JSONObject()
        for property in properties where required.contains(property.name) || depth < Self.comfortableDepth {
            result.members.append(.init(name: property.name, value: value(for: property.value, depth: depth + 1)))
        }
        let present = Set(result.members.map(\.name))
        for name in required.subtracting(present).sorted() {
            let schema = rules["additionalProperties"] ?? ["type": "string"]
            result.members.append(.init(name: name, value: value(for: schema, depth: depth + 1)))
        }
        return .object(result)
    }

    private mutating func array(_ rules: JSONObject, depth: Int) -> JSONValue {
        var elements = (rules["prefixItems"]?.arrayValue ?? []).map { value(for: $0, depth: depth + 1) }
        let least = rules["minItems"]?.intValue ?? 0
        let most = min(rules["maxItems"]?.intValue ?? max(least, 2), max(least, 64))
        let wanted = depth > Self.comfortableDepth ? least : max(least, min(most, 1 + random.index(below: 3)))
        let items = rules["items"] ?? ["type": "string"]
        let unique = rules["uniqueItems"]?.boolValue ?? false
        var repeats = 0
        while elements.count < wanted, budget > 0, repeats < 1000 {
            let element = value(for: items, depth: depth + 1)
            if unique, elements.contains(element) { repeats += 1 } else { elements.append(element) }
        }
        return .array(elements)
    }
}

// MARK: Scalars

extension SchemaGenerator {
    private mutating func string(_ rules: JSONObject) -> String {
        let text = text(rules)
        budget -= text.utf8.count
        return text
    }

    private mutating func text(_ rules: JSONObject) -> String {
        if let pattern = rules["pattern"]?.stringValue,
            let text = PatternGenerator.text(for: pattern, &random)
        {
            return text
        }
        if let format = rules["format"]?.stringValue, let text = formatted(format) { return text }
        let least = min(max(rules["minLength"]?.intValue ?? 0, 0), 65_536)
        let most = max(rules["maxLength"]?.intValue ?? .max, least)
        var text = TextGenerator.tokens(1 + random.index(below: 3), &random).joined()
        var count = text.unicodeScalars.count
        while count < least {
            let word = TextGenerator.tokens(1, &random).joined()
            text += word
            count += word.unicodeScalars.count
        }
        return String(String.UnicodeScalarView(text.unicodeScalars.prefix(most)))
    }

    private mutating func formatted(_ format: String) -> String? {
        let day = "20\(10 + random.index(below: 20))-0\(1 + random.index(below: 9))-1\(random.index(below: 10))"
        let time = "1\(random.index(below: 10)):0\(random.index(below: 10)):00Z"
        switch format {
        case "date-time": return "\(day)T\(time)"
        case "date": return day
        case "time": return time
        case "duration": return "P\(1 + random.index(below: 30))D"
        case "email": return "user\(random.index(below: 1000))@example.com"
        case "hostname": return "host\(random.index(below: 1000)).example.com"
        case "ipv4": return "192.0.2.\(random.index(below: 256))"
        case "ipv6": return "2001:db8::\(random.hex(4))"
        case "uri": return "https://example.com/\(random.hex(8))"
        case "uuid": return uuid()
        default: return nil
        }
    }

    /// A random UUID in the form of version 4.
    private mutating func uuid() -> String {
        "\(random.hex(8))-\(random.hex(4))-4\(random.hex(3))-a\(random.hex(3))-\(random.hex(12))"
    }

    private mutating func integer(_ rules: JSONObject) -> Int {
        let step = max(rules["multipleOf"]?.intValue ?? 1, 1)
        let (low, high) = bounds(rules)
        let first = clamped((low / Double(step)).rounded(.up))
        let last = max(clamped((high / Double(step)).rounded(.down)), first)
        let count = min(last - first, 99)
        return (first + random.index(below: count + 1)) * step
    }

    private func clamped(_ number: Double) -> Int {
        Int(min(max(number, -1e15), 1e15))
    }

    private mutating func number(_ rules: JSONObject) -> JSONValue {
        let (low, high) = bounds(rules)
        if let step = rules["multipleOf"]?.doubleValue, step > 0 {
            let first = clamped((low / step).rounded(.up))
            let count = max(min(clamped((high / step).rounded(.down)) - first, 99), 0)
            return .number(Double(first + random.index(below: count + 1)) * step)
        }
        let value = low + (min(high, low + 100) - low) * random.unit()
        let rounded = (value * 100).rounded() / 100
        return .number((low...high).contains(rounded) ? rounded : value)
    }

    /// The inclusive range of a number; exclusive bounds move by one for integers and by a little for numbers.
    private func bounds(_ rules: JSONObject) -> (Double, Double) {
        let nudge = rules["type"]?.stringValue == "number" ? 0.01 : 1
        var low = rules["minimum"]?.doubleValue
        var high = rules["maximum"]?.doubleValue
        if let bound = rules["exclusiveMinimum"]?.doubleValue { low = max(low ?? -.infinity, bound + nudge) }
        if let bound = rules["exclusiveMaximum"]?.doubleValue { high = min(high ?? .infinity, bound - nudge) }
        let floor = low ?? min(0, high ?? 0)
        return (floor, max(high ?? floor + 100, floor))
    }
}
