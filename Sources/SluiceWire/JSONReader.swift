/// What kind of JSON value a slice holds.
package enum JSONKind: UInt8, Sendable, Equatable {
    case object, array, string, number, `true`, `false`, null

    /// True for `true` and `false`.
    package var isBoolean: Bool { self == .true || self == .false }

    /// The name used in error texts.
    package var label: String {
        switch self {
        case .object: "an object"
        case .array: "an array"
        case .string: "a string"
        case .number: "a number"
        case .true, .false: "a boolean"
        case .null: "null"
        }
    }
}

/// Why bytes are not acceptable JSON, and at which byte.
package struct JSONFault: Error, Equatable, Sendable {
    /// The three faults a reader tells apart.
    package enum Kind: Sendable, Equatable {
        /// Not JSON by RFC 8259.
        case syntax
        /// Not UTF-8.
        case utf8
        /// More than ``JSONReader/maxDepth`` levels of nesting.
        case depth
    }

    package var kind: Kind
    /// Bytes from the start of the text that was read.
    package var offset: Int
}

/// One value inside a larger text: where it stands and what it is.
package struct JSONValue: Sendable, Equatable {
    package var start: Int
    package var end: Int
    package var kind: JSONKind
    /// For strings: whether an escape occurs, so that readers without one need no decoding.
    package var hasEscape: Bool

    package var range: Range<Int> { start..<end }
}

/// One `"key": value` of an object. The key's range excludes the quotes.
package struct JSONMember: Sendable, Equatable {
    package var keyStart: Int
    package var keyEnd: Int
    package var keyHasEscape: Bool
    package var value: JSONValue
}

/// A strict, non-recursive RFC 8259 reader over borrowed bytes that finds slices instead of building trees.
///
/// It validates everything it passes over: grammar, UTF-8 (Unicode 15, table 3-7) and nesting, so a slice it
/// returns can be spliced into another JSON text as it stands. Numbers are checked for grammar only, never
/// converted: `1e400` and 30-digit integers survive.
package struct JSONReader: Sendable {
    /// Levels of nesting that are accepted, the outermost value included.
    package static let maxDepth = 128

    /// The next byte to read.
    package private(set) var position: Int
    private var depth = 0
    /// Bit *n* of the pair tells whether level *n* is an object: 128 levels fit in 16 bytes, no allocation.
    private var objectLevels: (UInt64, UInt64) = (0, 0)
    /// Whether the innermost open container holds nothing yet: closing one means its parent holds something, so
    /// one flag serves all levels.
    private var justOpened = false

    /// - Parameter position: the byte to begin at.
    package init(at position: Int = 0) { self.position = position }

    /// Reads exactly one value that fills `bytes`, white space around it allowed.
    package static func validate(_ bytes: RawSpan) throws(JSONFault) -> JSONValue {
        var reader = JSONReader()
        let value = try reader.value(in: bytes)
        try reader.finish(in: bytes)
        return value
    }

    /// Fails unless only white space is left.
    package mutating func finish(in bytes: RawSpan) throws(JSONFault) {
        skipSpace(in: bytes)
        if position != bytes.byteCount { throw fault(.syntax) }
    }

    /// Enters an object; call ``nextKey(in:first:)`` until it answers nil.
    package mutating func enterObject(in bytes: RawSpan) throws(JSONFault) {
        skipSpace(in: bytes)
        guard peek(bytes) == UInt8(ascii: "{") else { throw fault(.syntax) }
        position += 1
        try push(isObject: true)
    }

    /// The next key of the entered object, with the reader standing before its value; nil at the closing brace.
    package mutating func nextKey(
        in bytes: RawSpan, first: inout Bool
    ) throws(JSONFault) -> (range: Range<Int>, hasEscape: Bool)? {
        skipSpace(in: bytes)
        if peek(bytes) == UInt8(ascii: "}") {
            position += 1
            depth -= 1
            return nil
        }
        if !first { try expect(UInt8(ascii: ","), in: bytes) }
        first = false
        skipSpace(in: bytes)
        return try key(in: bytes)
    }

    /// The members of the object that starts at the next non-space byte: all are validated,
    /// ``JSONObjectSlice/maxMembers`` and one more are kept.
    package mutating func members(
        in bytes: RawSpan, into members: inout [JSONMember]
    ) throws(JSONFault) -> JSONValue {
        skipSpace(in: bytes)
        let start = position
        try enterObject(in: bytes)
        var first = true
        while let key = try nextKey(in: bytes, first: &first) {
            let value = try value(in: bytes)
            if members.count > JSONObjectSlice.maxMembers { continue }
            members.append(
                JSONMember(
                    keyStart: key.range.lowerBound, keyEnd: key.range.upperBound, keyHasEscape: key.hasEscape,
                    value: value))
        }
        return JSONValue(start: start, end: position, kind: .object, hasEscape: false)
    }

    /// Passes over one value of any kind, white space before it included.
    package mutating func value(in bytes: RawSpan) throws(JSONFault) -> JSONValue {
        skipSpace(in: bytes)
        let start = position
        let kind = kindAhead(in: bytes)
        var hasEscape = false
        switch kind {
        case .string: hasEscape = try string(in: bytes)
        case .object, .array: try container(in: bytes)
        case .number, .true, .false, .null: try scalar(kind, in: bytes)
        case nil: throw fault(.syntax)
        }
        return JSONValue(start: start, end: position, kind: kind ?? .null, hasEscape: hasEscape)
    }

    /// The kind the next byte announces, nil when no value can begin with it.
    package func kindAhead(in bytes: RawSpan) -> JSONKind? {
        guard let byte = peek(bytes) else { return nil }
        return switch byte {
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "t"): .true
        case UInt8(ascii: "f"): .false
        case UInt8(ascii: "n"): .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
        default: nil
        }
    }

    /// Moves to the next byte that is not white space.
    @inline(__always)
    package mutating func skipSpace(in bytes: RawSpan) {
        // Compact texts have none: that is one comparison.
        if position < bytes.byteCount, bytes.byte(position) > 0x20 { return }
        skipRun(in: bytes)
    }

    private mutating func skipRun(in bytes: RawSpan) {
        while position < bytes.byteCount {
            switch bytes.byte(position) {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }
}

// MARK: - Containers

extension JSONReader {
    /// Passes over an object or array without recursion: the bit stack remembers what each level is.
    private mutating func container(in bytes: RawSpan) throws(JSONFault) {
        let base = depth
        try open(in: bytes)
        while depth > base {
            if try closeOrContinue(in: bytes) { continue }
            skipSpace(in: bytes)
            let kind = kindAhead(in: bytes)
            switch kind {
            case .object, .array:
                try open(in: bytes)
                continue
            case .string: _ = try string(in: bytes)
            case .number, .true, .false, .null: try scalar(kind, in: bytes)
            case nil: throw fault(.syntax)
            }
            justOpened = false
        }
    }

    private mutating func open(in bytes: RawSpan) throws(JSONFault) {
        let isObject = bytes.byte(position) == UInt8(ascii: "{")
        position += 1
        try push(isObject: isObject)
        justOpened = true
    }

    /// At the boundary between values: takes the closing bracket (true), or the comma and, in an object, the key.
    private mutating func closeOrContinue(in bytes: RawSpan) throws(JSONFault) -> Bool {
        skipSpace(in: bytes)
        let isObject = levelIsObject
        if peek(bytes) == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
            position += 1
            depth -= 1
            justOpened = false
            return true
        }
        if !justOpened { try expect(UInt8(ascii: ","), in: bytes) }
        if isObject {
            skipSpace(in: bytes)
            _ = try key(in: bytes)
        }
        return false
    }

    private mutating func key(in bytes: RawSpan) throws(JSONFault) -> (range: Range<Int>, hasEscape: Bool) {
        guard peek(bytes) == UInt8(ascii: "\"") else { throw fault(.syntax) }
        let start = position + 1
        let hasEscape = try string(in: bytes)
        let range = start..<(position - 1)
        skipSpace(in: bytes)
        try expect(UInt8(ascii: ":"), in: bytes)
        return (range, hasEscape)
    }

    @inline(__always)
    private mutating func push(isObject: Bool) throws(JSONFault) {
        guard depth < Self.maxDepth else { throw fault(.depth) }
        let bit: UInt64 = 1 << UInt64(depth & 63)
        if depth < 64 {
            objectLevels.0 = isObject ? objectLevels.0 | bit : objectLevels.0 & ~bit
        } else {
            objectLevels.1 = isObject ? objectLevels.1 | bit : objectLevels.1 & ~bit
        }
        depth += 1
    }

    private var levelIsObject: Bool {
        let level = depth - 1
        let word = level < 64 ? objectLevels.0 : objectLevels.1
        return word & (1 << UInt64(level & 63)) != 0
    }
}

// MARK: - Scalars

extension JSONReader {
    private mutating func scalar(_ kind: JSONKind?, in bytes: RawSpan) throws(JSONFault) {
        switch kind {
        case .true: try literal("true", in: bytes)
        case .false: try literal("false", in: bytes)
        case .null: try literal("null", in: bytes)
        default: try number(in: bytes)
        }
    }

    private mutating func literal(_ text: StaticString, in bytes: RawSpan) throws(JSONFault) {
        for index in 0..<text.utf8CodeUnitCount {
            try expect(text.utf8Start[index], in: bytes)
        }
    }

    private mutating func number(in bytes: RawSpan) throws(JSONFault) {
        if peek(bytes) == UInt8(ascii: "-") { position += 1 }
        if peek(bytes) == UInt8(ascii: "0") { position += 1 } else { try digits(in: bytes) }
        if peek(bytes) == UInt8(ascii: ".") {
            position += 1
            try digits(in: bytes)
        }
        if let byte = peek(bytes), byte | 0x20 == UInt8(ascii: "e") {
            position += 1
            if let sign = peek(bytes), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
            try digits(in: bytes)
        }
    }

    private mutating func digits(in bytes: RawSpan) throws(JSONFault) {
        var at = position
        while at < bytes.byteCount, bytes.byte(at) &- UInt8(ascii: "0") < 10 { at += 1 }
        if at == position { throw fault(.syntax) }
        position = at
    }

    /// Passes over a string, both quotes included; answers whether it holds an escape.
    private mutating func string(in bytes: RawSpan) throws(JSONFault) -> Bool {
        position += 1
        var hasEscape = false
        while true {
            position = bytes.endOfPlainText(from: position)
            guard let byte = peek(bytes) else { throw fault(.syntax) }
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return hasEscape
            case UInt8(ascii: "\\"):
                hasEscape = true
                try escape(in: bytes)
            case 0x80...:
                try multiByte(in: bytes)
            default: throw fault(.syntax)
            }
        }
    }

    /// A run of characters beyond ASCII: most scripts come in runs, and the way over plain text costs more than one.
    private mutating func multiByte(in bytes: RawSpan) throws(JSONFault) {
        var at = position
        repeat {
            let length = UTF8Check.sequenceLength(in: bytes, at: at)
            if length == 0 {
                position = at
                throw fault(.utf8)
            }
            at += length
        } while at < bytes.byteCount && bytes.byte(at) >= 0x80
        position = at
    }

    private mutating func escape(in bytes: RawSpan) throws(JSONFault) {
        position += 1
        guard let byte = peek(bytes) else { throw fault(.syntax) }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return
        case UInt8(ascii: "u"):
            for _ in 0..<4 {
                guard let digit = peek(bytes), HexDigit.value(digit) != nil else { throw fault(.syntax) }
                position += 1
            }
        default: throw fault(.syntax)
        }
    }

    @inline(__always)
    private mutating func expect(_ expected: UInt8, in bytes: RawSpan) throws(JSONFault) {
        guard peek(bytes) == expected else { throw fault(.syntax) }
        position += 1
    }

    @inline(__always)
    private func peek(_ bytes: RawSpan) -> UInt8? {
        position < bytes.byteCount ? bytes.byte(position) : nil
    }

    private func fault(_ kind: JSONFault.Kind) -> JSONFault { JSONFault(kind: kind, offset: position) }
}
