import Testing

@testable import SluiceConfig

@Suite("Features and fallbacks")
struct FallbackTests {
    private let text = """
        upstreams:
          - {name: main, base_url: "https://main/v1"}
          - {name: local, base_url: "http://local/v1"}
        pools:
          - {name: mini, models: ["*-mini"], upstream: main}
          - {name: local, models: ["*"], upstream: local}
        features:
          - {name: chat, lane: interactive, deadline: 4s, max_in_flight: 3, fallbacks: [{model: small}]}
          - {name: exact, fallbacks: []}
          - {name: plain}
        default_fallbacks:
          - {models: [gpt-4o], to: [{model: gpt-4o-mini}, {model: gpt-4o, upstream: local}]}
          - {models: ["gpt-*"], to: [{model: gpt-4o-mini, on: [overloaded]}]}

        """

    private func chain(_ feature: String?, _ model: String) throws -> [String] {
        try parse(text).fallbacks(feature: feature, model: model).map { step in
            step.model + (step.upstream.map { "@\($0)" } ?? "")
        }
    }

    @Test("a feature's own chain goes before the default ones, also an empty one")
    func precedence() throws {
        #expect(try chain("chat", "gpt-4o") == ["small"])
        #expect(try chain("exact", "gpt-4o") == [])
        for feature in ["plain", "unknown", nil] { #expect(try chain(feature, "gpt-5") == ["gpt-4o-mini"]) }
        #expect(try chain(nil, "other") == [])
    }

    @Test("a step that leads back to where the call comes from is left out")
    func noCircle() throws {
        #expect(try chain(nil, "gpt-4o-mini") == [])
        // The model's pool is on this very upstream.
        #expect(try chain(nil, "gpt-4o") == ["gpt-4o-mini"])
        let elsewhere = text.replacing("upstream: local}\n", with: "upstream: main}\n")
        #expect(try parse(elsewhere).fallbacks(feature: nil, model: "gpt-4o").map(\.upstream) == [nil, "local"])
    }

    @Test("triggers are all but overload unless they are named")
    func triggers() throws {
        let configuration = try parse(text)
        #expect(
            configuration.fallbacks(feature: "chat", model: "x").first?.on
                == [.breakerOpen, .quotaExhausted, .deadlineUnmeetable, .error])
        #expect(configuration.fallbacks(feature: nil, model: "gpt-5").first?.on == [.overloaded])
    }

    @Test("a feature's own settings arrive")
    func feature() throws {
        let feature = try #require(parse(text).feature("chat"))
        #expect(feature.lane == .interactive)
        #expect(feature.deadline == .seconds(4))
        #expect(feature.maxInFlight == 3)
        #expect(try parse(text).feature("none") == nil)
        #expect(try parse(text).feature("plain")?.fallbacks == nil)
    }

    @Test("a model's pool on a certain upstream")
    func poolOnUpstream() throws {
        let configuration = try parse(text)
        #expect(configuration.pool(forModel: "o4-mini", upstream: "main")?.name == "mini")
        #expect(configuration.pool(forModel: "o4-mini", upstream: "local")?.name == "local")
        #expect(configuration.pool(forModel: "gpt-4o", upstream: "main") == nil)
    }

    @Test("an empty chain and one that is left out stay apart when they are rendered")
    func rendering() throws {
        let configuration = try parse(text)
        let again = try parse(configuration.yaml())
        #expect(again == configuration)
        #expect(again.features.map { $0.fallbacks?.count } == [1, 0, nil])
        #expect(configuration.json().contains("\"waits_for_breaker\": true"))
    }
}
