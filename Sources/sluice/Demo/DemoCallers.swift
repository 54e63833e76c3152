import Foundation
import SluiceClient

/// A chat request, as the demonstration's callers send it.
struct DemoRequest: Encodable {
    struct Message: Encodable {
        var role = "user"
        var content: String
    }

    var model = "gpt-4o-mini"
    var messages: [Message]
    var maxTokens = 16

    init(_ prompt: String, model: String = "gpt-4o-mini") {
        messages = [Message(content: prompt)]
        self.model = model
    }

    private enum CodingKeys: String, CodingKey {
        case model, messages
        case maxTokens = "max_tokens"
    }
}

/// The parts of a chat answer that the demonstration prints.
struct DemoReply: Decodable {
    struct Text: Decodable { var content: String? }
    struct Choice: Decodable {
        var message: Text?
        var delta: Text?
    }

    var choices: [Choice]
}

/// The Swift callers.
enum DemoCallers {
    private static let path = "/v1/chat/completions"

    static func plain(_ client: SluiceClient) async throws {
        Terminal.say("1. Swift, plain")
        let answer = try await client.call(path, body: DemoRequest("Say something about sluices."))
        let reply = try answer.decode(DemoReply.self)
        Terminal.say("   \(reply.choices.first?.message?.content ?? "")")
        Terminal.say("   \(facts(answer.facts))\n")
    }

    static func streamed(_ client: SluiceClient) async throws {
        Terminal.say("2. Swift, streamed\n   ", terminator: "")
        let stream = try await client.stream(path, body: DemoRequest("Say it slowly."))
        for try await chunk in stream {
            let part = try JSONDecoder().decode(DemoReply.self, from: Data(chunk))
            Terminal.show(part.choices.first?.delta?.content ?? "")
        }
        Terminal.say("\n   \(stream.end.map { facts($0.facts) } ?? "")\n")
    }

    static func retried(_ client: SluiceClient) async throws {
        Terminal.say("4. The provider fails once with 500; the agent, not the caller, tries again")
        let options = CallOptions(
            onProgress: { progress in
                if case .retrying = progress { Terminal.show("   retrying: \(progress)\n") }
            })
        let answer = try await client.call(
            path, body: DemoRequest("Fail first.", model: "gpt-4o-mini:fault=500,times=1"), options: options)
        Terminal.say("   \(facts(answer.facts))\n")
    }

    private static func facts(_ facts: Answer.Facts) -> String {
        let usage = facts.usage.map { "\($0.inputTokens) tokens in, \($0.outputTokens) out" } ?? "usage unknown"
        let total = facts.timing.total
        return "\(usage); \(facts.attempts) attempt(s); \(total) in all"
    }
}
