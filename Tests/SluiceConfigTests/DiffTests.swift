import Testing

@testable import SluiceConfig

@Suite("What a reload changes")
struct DiffTests {
    private let base = """
        upstreams:
          - {name: a, base_url: "https://a/v1"}
          - {name: b, base_url: "https://b/v1"}
        pools:
          - {name: x, models: [m1], upstream: b}
          - {name: y, models: [m2]}

        """

    private func changes(_ text: String) throws -> [String] {
        try parse(text).changes(from: parse(base)).map(\.description)
    }

    @Test("nothing, when nothing changed")
    func nothing() throws {
        #expect(try changes(base) == [])
        #expect(try changes(base + "agent:\n  drain_timeout: 30000ms\n") == [])
    }

    @Test("changed values with their effect")
    func values() throws {
        let text = base + "agent: {drain_timeout: 5s, runtime_dir: /run/x, sockets: {admin: {mode: \"0660\"}}}\n"
        #expect(
            try changes(text) == [
                "agent.runtime_dir: (none) -> \"/run/x\" (restart)",
                "agent.sockets.admin.mode: \"0600\" -> \"0660\" (restart)",
                "agent.drain_timeout: 30s -> 5s (live)",
            ])
    }

    @Test("items are told apart by name")
    func items() throws {
        let text = """
            upstreams:
              - {name: new, base_url: "https://n/v1"}
              - {name: b, base_url: "https://b/v2", headers: {X-A: "1"}}
            pools:
              - {name: y, models: [m2, m3]}
              - {name: x, models: [m1], upstream: b}

            """
        let rest =
            ", http: auto, max_connections: 256, timeouts: {connect: 5s, first_byte: 2m, idle: 1m, total: 10m},"
            + " max_response_size: 64MiB, keys: []"
        #expect(
            try changes(text) == [
                "upstreams[\"new\"]: (none) -> {name: \"new\", base_url: \"https://n/v1\"\(rest)} (live)",
                "upstreams[\"b\"].base_url: \"https://b/v1\" -> \"https://b/v2\" (live)",
                "upstreams[\"b\"].headers: (none) -> {X-A: \"1\"} (live)",
                "upstreams[\"a\"]: {name: \"a\", base_url: \"https://a/v1\"\(rest)} -> (none) (live)",
                "pools[\"y\"].models: [\"m2\"] -> [\"m2\", \"m3\"] (live)",
                "pools: x, y -> y, x (live)",
            ])
    }

    @Test("plans, tenants and features are told apart by name, and all of it comes into force live")
    func plansAndTenants() throws {
        let before = try parse(
            "plans: [{name: free}]\ntenants: [{name: a, plan: free}]\nfeatures: [{name: f, fallbacks: [{model: m}]}]\n")
        let after = try parse(
            """
            lanes: {normal: {waits_for_breaker: true}}
            plans: [{name: gold, weight: 5}, {name: free, max_in_flight: 3}]
            default_plan: free
            tenants: [{name: a, plan: gold, lanes: [batch]}]
            features: [{name: f, fallbacks: []}]
            breaker: {slow_call: off}
            """)
        let rest = "lanes: [interactive, normal, batch, backfill]"
        #expect(
            after.changes(from: before).map(\.description) == [
                "lanes.normal.waits_for_breaker: false -> true (live)",
                "plans[\"gold\"]: (none) -> {name: \"gold\", weight: 5, \(rest)} (live)",
                "plans[\"free\"].max_in_flight: (none) -> 3 (live)",
                "default_plan: (none) -> \"free\" (live)",
                "tenants[\"a\"].plan: \"free\" -> \"gold\" (live)",
                "tenants[\"a\"].lanes: (none) -> [batch] (live)",
                "features[\"f\"].fallbacks: [{model: \"m\", on: [breaker_open, quota_exhausted, deadline_unmeetable,"
                    + " error]}] -> [] (live)",
                "breaker.slow_call: 1m -> off (live)",
            ])
    }
}
