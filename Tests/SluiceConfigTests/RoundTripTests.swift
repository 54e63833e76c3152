import Foundation
import Testing

@testable import SluiceConfig

func parse(_ text: String, environment: [String: String] = [:]) throws(InvalidConfiguration) -> Configuration {
    try ConfigurationLoader.parse(Array(text.utf8), file: "sluice.yaml", environment: environment)
}

/// A file that sets everything to something else than its default.
let everything = """
    agent:
      runtime_dir: /run/x
      state_dir: "/var/lib/x y"
      sockets:
        agent: {path: /run/x/a.sock, mode: "0666", group: "1000"}
        stats: {mode: '0600', group: monitoring}
        admin: {path: /run/x/b.sock}
      stats_listen: "[::1]:9464"
      drain_timeout: 1m30s
      log: {level: debug, format: json}
    limits:
      frame_size: 1MiB
      inflight_per_connection: 16
      connections: 100
      connections_per_uid: 50
      stream_credit: 64KB
      slow_consumer_timeout: 5s
      hello_timeout: 250ms
      default_deadline: {interactive: 1s, normal: 2s, batch: 3s, backfill: 4s}
      queue_calls: 10
      queue_size: 1024
      pools: 8
      tenants: 40
      features: 4
    upstreams:
      - name: main
        base_url: https://api.openai.com/v1/
        proxy: socks5h://proxy.example.com:1080
        ca_file: /etc/ssl/own.pem
        http: 2
        max_connections: 8
        timeouts: {connect: 1s, first_byte: 2s, idle: 3s, total: 4s}
        max_response_size: 1MiB
        organization: org-1
        project: proj_1
        headers:
          X-Team: "a: \\"b\\" # c"
          "X!Odd": '#1'
        keys:
          - {name: first, credential: openai}
          - {name: second, file: /etc/sluice/key}
          - {name: third, env: OPENAI_API_KEY}
      - name: local
        base_url: http://[::1]:8080
        unix_socket: /run/llama.sock
        http: 1.1
    pools:
      - name: openai/mini
        models: [gpt-4o-mini, "o?-mini*"]
        upstream: main
        requests_per_minute: 500
        tokens_per_minute: 200000
        images_per_minute: 50
        requests_per_day: 10000
        tokens_per_day: 2000000
        max_in_flight: 32
        initial_in_flight: 16
        queue_calls: 5
        queue_size: 64KiB
      - {name: rest, models: ["*"], upstream: local}
    lanes:
      interactive:
        share: 8
        max_in_flight_percent: 95
        reserve_percent: 5
        shed_target: 500ms
        shed_interval: 5s
        waits_for_breaker: true
        retry_window: 5s
      normal:
        share: 5
        max_in_flight_percent: 85
        reserve_percent: 10
        shed_target: 2s
        shed_interval: 6s
        waits_for_breaker: true
        retry_window: 1m
      batch:
        share: 3
        max_in_flight_percent: 50
        reserve_percent: 20
        shed_target: 3s
        shed_interval: 7s
        waits_for_breaker: false
        retry_window: 2m
      backfill:
        share: 2
        max_in_flight_percent: 25
        reserve_percent: 30
        shed_target: 4s
        shed_interval: 8s
        waits_for_breaker: false
        retry_window: 3m
    plans:
      - name: free
        weight: 1
        lanes: [normal, batch]
        requests_per_minute: 60
        tokens_per_minute: 40000
        max_in_flight: 4
        queue_calls: 20
      - {name: gold, weight: 10}
    default_plan: free
    tenants:
      - name: "acme: north"
        plan: gold
        weight: 7
        lanes: [interactive]
        requests_per_minute: 600
        tokens_per_minute: 400000
        max_in_flight: 8
        queue_calls: 40
      - {name: "acme*", plan: gold}
    features:
      - name: support-reply
        lane: interactive
        max_in_flight: 12
        deadline: 4s
        fallbacks:
          - {model: gpt-4o-mini, upstream: main, on: [breaker_open, overloaded]}
          - {model: llama, upstream: local}
      - {name: nightly, lane: backfill, fallbacks: []}
    default_fallbacks:
      - {models: ["gpt-4o*"], to: [{model: gpt-4o-mini}, {model: llama, upstream: local, on: [error]}]}
    breaker:
      enabled: false
      window: 30s
      minimum_calls: 10
      failure_percent: 40
      slow_call: off
      open: 2s
      open_cap: 20s
    endpoints:
      allow: ["POST /v1/chat/completions", "GET /v1/models/*"]
    retries: {attempts: 1, base: 1ms, cap: 1s, budget_percent: 0, budget_per_second: 0, retry_after_ceiling: 1m}
    trace: {file: /var/lib/sluice/trace.jsonl, max_size: 1MiB}

    """

@Suite("Defaults and rendering")
struct RoundTripTests {
    @Test(
        "an empty file means the defaults",
        arguments: ["", "\n", "# nothing\n", "---\n", "agent:\nlimits:\npools:\n", "{}"])
    func emptyFile(_ text: String) throws {
        let configuration = try parse(text)
        var expected = Configuration()
        #expect(configuration.upstreams.count == 1)
        expected.upstreams = configuration.upstreams
        #expect(configuration == expected)
    }

    @Test("without upstreams there is one, as the official SDKs would find it")
    func defaultUpstream() throws {
        let upstream = try #require(try parse("").upstreams.first)
        #expect(upstream.name == "openai")
        #expect(upstream.baseURL == "https://api.openai.com/v1")
        #expect(upstream.keys.map(\.location) == [.environment("OPENAI_API_KEY")])
        let other = try parse("", environment: ["OPENAI_BASE_URL": "http://127.0.0.1:8080/v1/"])
        #expect(other.upstreams.first?.baseURL == "http://127.0.0.1:8080/v1")
        let error = #expect(throws: InvalidConfiguration.self) {
            try parse("", environment: ["OPENAI_BASE_URL": "127.0.0.1"])
        }
        #expect(
            error?.description == "environment: OPENAI_BASE_URL: expected a URL that starts with http:// or https://,"
                + " found \"127.0.0.1\"")
    }

    /// The last one was found by a random file: a rule between two settings held for the file, not for its rendering.
    @Test(
        "what is rendered reads back to the same value", arguments: ["", everything, "limits: {connections: 100}\n"])
    func roundTrip(_ text: String) throws {
        let configuration = try parse(text)
        #expect(try parse(configuration.yaml()) == configuration)
    }

    @Test("every value of a full file arrives")
    func values() throws {
        let configuration = try parse(everything)
        let defaults = try parse("")
        let leaves = configuration.changes(from: defaults).map(\.path)
        let untouched = ["agent.sockets.stats.path", "agent.sockets.admin.group", "agent.sockets.admin.mode"]
        for setting in Catalogue.settings where !setting.path.contains("[]") {
            #expect(leaves.contains(setting.path) != untouched.contains(setting.path), "\(setting.path)")
        }
        let main = configuration.upstreams[0]
        #expect(main.baseURL == "https://api.openai.com/v1")
        #expect(main.http == .http2)
        #expect(main.headers.map(\.name) == ["X-Team", "X!Odd"])
        #expect(main.headers.map(\.value) == ["a: \"b\" # c", "#1"])
        #expect(main.timeouts.total == .seconds(4))
        #expect(configuration.upstreams[1].keys.isEmpty)
        #expect(configuration.agent.sockets.agent.mode == 0o666)
        #expect(configuration.agent.statsListen == LoopbackAddress(host: "::1", port: 9464))
        #expect(configuration.limits.streamCredit == 64000)
    }

    @Test("the first pool that matches wins, and names its upstream")
    func pools() throws {
        let configuration = try parse(everything)
        let mini = try #require(configuration.pool(forModel: "o4-mini-2025"))
        #expect(mini.name == "openai/mini")
        #expect(configuration.upstream(of: mini)?.name == "main")
        #expect(configuration.pool(forModel: "anything")?.name == "rest")
        #expect(try parse("").pool(forModel: "gpt-4o") == nil)
    }

    @Test("the JSON form is JSON and holds the same values", arguments: ["", everything])
    func json(_ text: String) throws {
        let configuration = try parse(text)
        let object = try JSONSerialization.jsonObject(with: Data(configuration.json().utf8)) as? [String: Any]
        let upstreams = try #require(object?["upstreams"] as? [[String: Any]])
        #expect(upstreams.map { $0["name"] as? String } == configuration.upstreams.map(\.name))
        #expect((object?["limits"] as? [String: Any])?["pools"] as? Int == configuration.limits.pools)
        // JSON is YAML, so it reads back too.
        #expect(try parse(configuration.json()) == configuration)
    }

    @Test("a file is read from disk; what is no file says so")
    func files() throws {
        try withDirectory { directory in
            let path = "\(directory)/sluice.yaml"
            try everything.write(toFile: path, atomically: false, encoding: .utf8)
            #expect(try ConfigurationLoader.load(path: path, environment: [:]) == parse(everything))
            let missing = #expect(throws: InvalidConfiguration.self) {
                try ConfigurationLoader.load(path: "\(directory)/none", environment: [:])
            }
            #expect(missing?.description == "\(directory)/none: cannot be opened: No such file or directory")
            let folder = #expect(throws: InvalidConfiguration.self) {
                try ConfigurationLoader.load(path: directory, environment: [:])
            }
            #expect(folder?.description == "\(directory): is not a regular file")
        }
    }
}
