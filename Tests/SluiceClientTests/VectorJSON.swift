import Foundation
import Testing

/// Any JSON value, for vectors and for what is compared with them.
enum VectorJSON: Codable, Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([VectorJSON])
    case object([String: VectorJSON])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([VectorJSON].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: VectorJSON].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    init(parsing bytes: [UInt8]) throws { self = try JSONDecoder().decode(VectorJSON.self, from: Data(bytes)) }

    subscript(_ key: String) -> VectorJSON? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    var string: String? { if case .string(let value) = self { value } else { nil } }
    var integer: Int? { if case .integer(let value) = self { value } else { nil } }
    var isTrue: Bool { self == .bool(true) }
    var elements: [VectorJSON] { if case .array(let value) = self { value } else { [] } }
    var members: [String: VectorJSON] { if case .object(let value) = self { value } else { [:] } }

    /// A text, or `parts` of which pairs are repeated.
    var text: String {
        if let string { return string }
        return (self["parts"]?.elements ?? []).map { part in
            let pair = part.elements
            return part.string ?? String(repeating: pair[0].string ?? "", count: pair[1].integer ?? 0)
        }.joined()
    }

    /// Whether `value` fits this pattern: objects ask for the members they name, everything else for equality.
    func matches(_ value: VectorJSON?) -> Bool {
        if self["$absent"] != nil { return value == nil }
        if self["$type"]?.string == "integer" { return value?.integer != nil }
        guard let value else { return false }
        guard case .object(let pattern) = self else { return self == value }
        return pattern.allSatisfy { $1.matches(value[$0]) }
    }
}

/// One vector of `protocol/vectors/client`.
struct ClientVector: Sendable, CustomTestStringConvertible {
    /// `file/name`.
    var name: String
    var value: VectorJSON

    var testDescription: String { name }

    /// Every vector there is; none when the files cannot be read, which the count of them tells.
    static let all: [ClientVector] = {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../protocol/vectors/client").standardizedFileURL
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.sorted { $0.path < $1.path }.flatMap { file -> [ClientVector] in
            guard file.pathExtension == "json", let data = try? Data(contentsOf: file),
                let vectors = try? VectorJSON(parsing: Array(data))["vectors"]
            else { return [] }
            let stem = file.deletingPathExtension().lastPathComponent
            return vectors.elements.map { ClientVector(name: "\(stem)/\($0["name"]?.string ?? "?")", value: $0) }
        }
    }()
}

extension VectorJSON {
    func serialised() throws -> String { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
}
