internal import FoundationEssentials

/// The words in an answer of OpenAI's text endpoints, plain or in pieces.
enum AnswerText {
    private struct Part: Decodable {
        var content: String?
    }

    private struct Choice: Decodable {
        var message: Part?
        var delta: Part?
        var text: String?
    }

    private struct OutputItem: Decodable {
        struct Content: Decodable {
            var text: String?
        }

        var content: [Content]?
    }

    private struct Body: Decodable {
        var choices: [Choice]?
        var output: [OutputItem]?
        var type: String?
        var delta: String?
    }

    /// The text of a whole answer (chat completions, completions, responses); nil for anything else.
    static func whole(_ body: [UInt8]) -> String? {
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(body)) else { return nil }
        if let choice = body.choices?.first { return choice.message?.content ?? choice.text }
        let texts = body.output?.flatMap { $0.content ?? [] }.compactMap(\.text) ?? []
        return texts.isEmpty ? nil : texts.joined(separator: "\n")
    }

    /// The piece of text that a chunk adds; nil when it adds none.
    static func piece(_ chunk: [UInt8]) -> String? {
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(chunk)) else { return nil }
        if let choice = body.choices?.first { return choice.delta?.content ?? choice.text }
        return body.type == "response.output_text.delta" ? body.delta : nil
    }
}
