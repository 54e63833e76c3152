/// Writes server-sent events the way OpenAI does: a `data:` line of JSON, for typed events an `event:` line before it,
/// and a blank line.
enum SSEWriter {
    /// What ends a chat or completion stream; a Responses stream has no such line.
    static let done = Array("data: [DONE]\n\n".utf8)

    /// One event.
    static func event(_ data: JSONValue, name: String? = nil) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(384)
        if let name {
            output.append(contentsOf: "event: ".utf8)
            output.append(contentsOf: name.utf8)
            output.append(UInt8(ascii: "\n"))
        }
        output.append(contentsOf: "data: ".utf8)
        JSONWriter.write(data, into: &output)
        output.append(contentsOf: "\n\n".utf8)
        return output
    }
}
