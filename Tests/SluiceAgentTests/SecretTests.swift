import Foundation
import Glibc
import SluiceProvider
import Testing

@Suite("Secrets stay inside", .timeLimit(.minutes(1)))
struct SecretTests {
    private static let key = "sk-Zq7RecognisableKey"
    private static let prompt = "Zq7RecognisablePrompt"
    private static let completion = "Zq7RecognisableCompletion"

    @Test("Whatever fails, key, prompt and completion appear in no log, metric or status")
    func nothingLeaks() async throws {
        let scratch = try Scratch()
        let upstream = try ScriptedUpstream(scratch.file("raw.sock")) { exchange in
            Self.answer(exchange)
        }
        let setup = Setup(
            agent: ["drain_timeout: 0s", "log:", "  level: trace"], timeouts: ["first_byte: 100ms", "idle: 100ms"],
            pool: ["max_in_flight: 4"], socket: scratch.file("raw.sock"), key: "env: SLUICE_SECRET_KEY")
        let agent = try await SpawnedAgent(setup, scratch, environment: ["SLUICE_SECRET_KEY": Self.key])
        let caller = try Caller(agent.socket)
        for (number, fault) in Self.faults.enumerated() {
            for stream in [false, true] {
                let id = "\(number)\(stream)"
                caller.call(id, Self.body(fault, stream: stream), #""tenant":"acme","feature":"f""#)
                #expect(try await caller.end(of: id).isTerminal)
            }
        }
        caller.send(#"{"op":"call","id":"x","path":"/v1/embeddings","body":{"input":"\#(Self.prompt)"}}"#)
        caller.send(#"{"op":"call","id":"x","body":"\#(Self.prompt)"#)
        caller.send(#"{"op":"\#(Self.prompt)"}"#)
        caller.send(#"{"op":"call","id":"y","path":"/v1/\#(Self.prompt)","body":{}}"#)
        try await caller.ping()
        try scratch.write("config.yaml", setup.yaml(scratch) + "\(Self.key): 1\n")
        agent.process.signal(SIGHUP)
        try await agent.process.says("not reloaded")
        let metrics = try await HTTPExchange.get("/metrics", at: agent.statsSocket).body
        let status = try await HTTPExchange.get("/status", at: agent.statsSocket).body
        caller.call("open", Self.body("hang", stream: false))
        try await eventually("it is there") { upstream.received.count > 2 * Self.faults.count }
        caller.close()
        #expect(await agent.stop() == 0)
        #expect(upstream.received.allSatisfy { $0.head.contains(Self.key) })
        for secret in [Self.key, Self.prompt, Self.completion] {
            #expect(!agent.process.output.contains(secret), "the log holds \(secret)")
            #expect(!metrics.contains(secret), "the metrics hold \(secret)")
            #expect(!status.contains(secret), "the status holds \(secret)")
        }
        #expect(!agent.process.output.isEmpty && metrics.contains("sluice_calls_total"))
    }

    private static let faults = ["ok", "500", "429", "401", "400", "page", "broken", "cut", "hang"]

    private static func body(_ fault: String, stream: Bool) -> String {
        #"{"model":"m","user":"\#(fault)","messages":[{"role":"user","content":"\#(prompt)"}],"stream":\#(stream)}"#
    }

    private static func answer(_ exchange: ScriptedUpstream.Exchange) -> Bool {
        let body = String(decoding: exchange.body, as: UTF8.self)
        let fault = faults.first { body.contains("\"user\":\"\($0)\"") } ?? "ok"
        let stream = body.contains(#""stream":true"#)
        let words =
            #"{"error":{"message":"\#(key) \#(prompt) \#(completion)","#
            + #""type":"\#(completion)","code":"\#(key)"}}"#
        switch fault {
        case "500", "429", "401", "400":
            exchange.json(words, status: "\(fault) \(completion)", headers: "x-request-id: req_1\r\n")
        case "page": exchange.json("<html>\(completion)")
        case "cut": exchange.write("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n\(completion)")
        case "hang": return true
        default:
            guard stream else {
                exchange.json(#"{"x":"\#(completion)"\#(fault == "broken" ? "" : "}")"#)
                return true
            }
            exchange.beginStream()
            exchange.event(#"{"x":"\#(completion)"}"#)
            exchange.event(fault == "broken" ? completion : "[DONE]")
        }
        return fault == "500" || fault == "page"
    }
}
