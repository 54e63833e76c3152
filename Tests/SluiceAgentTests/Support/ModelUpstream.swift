import Foundation
import Synchronization

/// An upstream that answers by the model that a request names, and remembers who asked in which order.
final class ModelUpstream: Sendable {
    /// What a model does.
    enum Act: Sendable {
        case answer
        case fail(status: Int, error: String, headers: String)
        /// A stream of one chunk that then breaks off.
        case chunkThenCut
        /// A stream of one chunk and its end.
        case stream

        static let serverError = fail(status: 500, error: #"{"message":"no","type":"server_error"}"#, headers: "")
        static let outOfQuota = fail(
            status: 429, error: #"{"message":"no","type":"insufficient_quota","code":"insufficient_quota"}"#,
            headers: "")
    }

    private let acts: Mutex<[String: Act]>
    private let gates = Mutex<[String: Gate]>([:])
    private let upstream: Mutex<ScriptedUpstream?> = Mutex(nil)
    private let path: String

    /// - Parameter acts: by model; the others answer.
    init(_ path: String, _ acts: [String: Act] = [:]) throws {
        self.path = path
        self.acts = Mutex(acts)
        let made = try ScriptedUpstream(path) { [weak self] exchange in self?.serve(exchange) ?? false }
        upstream.withLock { $0 = made }
    }

    /// Changes what a model does.
    func set(_ model: String, _ act: Act) { acts.withLock { $0[model] = act } }

    /// Holds requests with this model until the gate is opened.
    func hold(_ model: String) -> Gate {
        let gate = Gate()
        gates.withLock { $0[model] = gate }
        return gate
    }

    var received: [ScriptedUpstream.Exchange] { upstream.withLock { $0?.received ?? [] } }

    /// Bodies in the order in which they came.
    var bodies: [String] { received.map { String(decoding: $0.body, as: UTF8.self) } }

    /// Models in the order in which they were asked.
    var models: [String] { received.map { Self.model($0) } }

    /// The `user` of each request, in the order in which they came.
    var users: [String] { received.compactMap { Event(payload: $0.body).string("user") } }

    private static func model(_ exchange: ScriptedUpstream.Exchange) -> String {
        if let model = Event(payload: exchange.body).string("model") { return model }
        // Foundation does not read all that JSON allows.
        let text = String(decoding: exchange.body, as: UTF8.self)
        return text.firstMatch(of: #/"model"\s*:\s*"([^"]*)"/#).map { String($0.1) } ?? ""
    }

    private func serve(_ exchange: ScriptedUpstream.Exchange) -> Bool {
        let model = Self.model(exchange)
        gates.withLock { $0[model] }?.pass()
        switch acts.withLock({ $0[model] }) ?? .answer {
        case .answer:
            let usage = #"{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}"#
            exchange.json(#"{"object":"chat.completion","model":"\#(model)","usage":\#(usage)}"#)
            return true
        case .fail(let status, let error, let headers):
            exchange.json(#"{"error":\#(error)}"#, status: "\(status) Scripted", headers: headers)
            return true
        case .chunkThenCut:
            exchange.beginStream()
            exchange.event(#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#)
            return false
        case .stream:
            exchange.beginStream()
            exchange.event(#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#)
            exchange.event("[DONE]")
            return false
        }
    }
}

extension Body {
    /// A chat whose `user` tells it apart from others in what an upstream received.
    static func tagged(_ user: String, model: String = "m") -> String {
        #"{"model":"\#(model)","user":"\#(user)","messages":[]}"#
    }
}
