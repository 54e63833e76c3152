internal import FoundationEssentials

/// Where the body of `sluice call` comes from.
struct CallBody {
    private struct Message: Encodable {
        var role: String
        var content: String
    }

    private struct Chat: Encodable {
        var model: String
        var messages: [Message]
    }

    private struct StreamFlag: Decodable {
        var stream: Bool?
    }

    /// JSON text; nil for a GET.
    let bytes: [UInt8]?

    static let get = CallBody(bytes: nil)

    static func chat(_ prompt: String, system: String?, model: String) throws -> CallBody {
        let messages =
            (system.map { [Message(role: "system", content: $0)] } ?? []) + [Message(role: "user", content: prompt)]
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return CallBody(bytes: Array(try encoder.encode(Chat(model: model, messages: messages))))
    }

    static func file(_ path: String) throws(ReadFailure) -> CallBody {
        CallBody(bytes: try StandardStreams.read(path))
    }

    /// Whether the body itself asks for a stream.
    var asksForStream: Bool {
        guard let bytes else { return false }
        return (try? JSONDecoder().decode(StreamFlag.self, from: Data(bytes)))?.stream == true
    }
}
