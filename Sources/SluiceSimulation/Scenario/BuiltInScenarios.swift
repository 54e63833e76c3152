/// The scenarios that come with the program: the files beside this one, word for word (a test compares them), so that
/// they can be run by name where no source is at hand.
package enum BuiltInScenarios {
    /// The names, in the order of the page that explains them.
    package static let names = texts.map(\.name)

    /// A scenario's text; nil when there is none of that name.
    package static func text(_ name: String) -> String? { texts.first { $0.name == name }?.text }

    private static let texts: [(name: String, text: String)] = [
        ("monday-morning", mondayMorning),
        ("batch-versus-chat", batchVersusChat),
        ("runaway-tenant", runawayTenant),
        ("provider-brown-out", providerBrownOut),
        ("quota-halved", quotaHalved),
    ]
}

private let mondayMorning = """
    # Everybody comes at nine: three quarters of an hour's work in a few minutes, from many tenants at once.
    name: monday-morning
    about: "After ten minutes the office opens: bursts of chat, far more than the quota holds."
    duration: 30m
    seed: 1

    pools:
      - name: gpt-4o
        requests_per_minute: 600
        tokens_per_minute: 200000
        price: {input_per_million: 2.5, output_per_million: 10}
        provider:
          first_token: {median: 350ms, sigma: 0.4}
          tokens_per_second: 70

    tenants:
      - {name: office, count: 12}
      - {name: gold, weight: 4}

    traffic:
      - name: assistants
        tenants: [office, gold]
        lane: interactive
        arrivals: {poisson_per_minute: 10}
        input_tokens: {median: 350, sigma: 0.6, most: 4000}
        output_tokens: {median: 120, sigma: 0.5, most: 800}
        max_tokens: 400
        deadline: 20s
        stream: true
      - name: nine-o-clock
        tenants: [office, gold]
        lane: interactive
        arrivals: {bursts_at: [10m, 11m, 12m, 13m, 14m], calls: 40, over: 20s}
        input_tokens: {median: 350, sigma: 0.6, most: 4000}
        output_tokens: {median: 120, sigma: 0.5, most: 800}
        max_tokens: 400
        deadline: 20s
        stream: true
      - name: reports
        tenants: [office]
        lane: batch
        arrivals: {poisson_per_minute: 4}
        input_tokens: {median: 900, sigma: 0.5, most: 6000}
        output_tokens: {median: 300, sigma: 0.5, most: 1500}
        max_tokens: 600
        deadline: 10m

    """

private let batchVersusChat = """
    # A nightly job of thousands of calls runs into the day, beside people who chat.
    name: batch-versus-chat
    about: "A job offers three times the quota for twenty minutes; people chat all the while."
    duration: 30m
    seed: 1

    pools:
      - name: gpt-4o
        requests_per_minute: 600
        tokens_per_minute: 200000
        price: {input_per_million: 2.5, output_per_million: 10}
        provider:
          first_token: {median: 350ms, sigma: 0.4}
          tokens_per_second: 70

    tenants:
      - {name: people, count: 6}
      - {name: job}

    traffic:
      - name: chat
        tenants: [people]
        lane: interactive
        arrivals: {poisson_per_minute: 20}
        input_tokens: {median: 300, sigma: 0.6, most: 4000}
        output_tokens: {median: 120, sigma: 0.5, most: 800}
        max_tokens: 300
        deadline: 20s
        stream: true
      - name: job
        tenants: [job]
        lane: batch
        from: 5m
        until: 25m
        arrivals: {callers: 400, think: 1s}
        input_tokens: {median: 700, sigma: 0.4, most: 4000}
        output_tokens: {median: 200, sigma: 0.4, most: 600}
        max_tokens: 400
        deadline: 10m

    """

private let runawayTenant = """
    # One tenant of twenty has a loop without a brake.
    name: runaway-tenant
    about: "Nineteen shops chat; after five minutes the twentieth calls as fast as it can, on the same lane."
    duration: 20m
    seed: 1

    pools:
      - name: gpt-4o
        requests_per_minute: 600
        tokens_per_minute: 200000
        price: {input_per_million: 2.5, output_per_million: 10}
        provider:
          first_token: {median: 350ms, sigma: 0.4}
          tokens_per_second: 70

    tenants:
      - {name: shop, count: 19}
      - {name: runaway}

    traffic:
      - name: chat
        tenants: [shop]
        lane: interactive
        arrivals: {poisson_per_minute: 12}
        input_tokens: {median: 300, sigma: 0.6, most: 4000}
        output_tokens: {median: 120, sigma: 0.5, most: 800}
        max_tokens: 300
        deadline: 20s
        stream: true
      - name: loop
        tenants: [runaway]
        lane: interactive
        from: 5m
        arrivals: {callers: 300, think: 50ms}
        input_tokens: {median: 300, sigma: 0.6, most: 4000}
        output_tokens: {median: 120, sigma: 0.5, most: 800}
        max_tokens: 300
        deadline: 20s

    """

private let providerBrownOut = """
    # The provider limps for five minutes, then is gone for two, and comes back.
    name: provider-brown-out
    about: "From 5m a third of the calls fails and the rest is slow; from 10m all fail; from 12m all is well."
    duration: 20m
    seed: 1

    pools:
      - name: gpt-4o
        requests_per_minute: 600
        tokens_per_minute: 300000
        provider:
          first_token: {median: 350ms, sigma: 0.4}
          tokens_per_second: 70
          schedule:
            - {at: 5m, for: 5m, what: error, percent: 33}
            - {at: 5m, for: 5m, what: slow, factor: 3}
            - {at: 10m, for: 2m, what: overloaded}
      - name: gpt-4o-mini
        requests_per_minute: 1000
        tokens_per_minute: 1000000
        provider:
          first_token: {median: 250ms, sigma: 0.4}
          tokens_per_second: 110

    tenants:
      - {name: shop, count: 8}

    traffic:
      - name: chat-with-a-second-choice
        tenants: [shop]
        lane: interactive
        pool: gpt-4o
        arrivals: {poisson_per_minute: 20}
        input_tokens: {median: 300, sigma: 0.6, most: 4000}
        output_tokens: {median: 120, sigma: 0.5, most: 800}
        max_tokens: 400
        deadline: 20s
        stream: true
        fallbacks:
          - {pool: gpt-4o-mini, on: [breaker_open, error]}
      - name: chat-without
        tenants: [shop]
        lane: normal
        pool: gpt-4o
        arrivals: {poisson_per_minute: 10}
        input_tokens: {median: 300, sigma: 0.6, most: 4000}
        output_tokens: {median: 120, sigma: 0.5, most: 800}
        max_tokens: 400
        deadline: 30s
      - name: reports
        tenants: [shop]
        lane: batch
        pool: gpt-4o
        arrivals: {poisson_per_minute: 4}
        input_tokens: {median: 900, sigma: 0.5, most: 6000}
        output_tokens: {median: 300, sigma: 0.5, most: 1500}
        max_tokens: 600
        deadline: 10m

    """

private let quotaHalved = """
    # The provider cuts the quota in half and tells nobody but by its headers and its 429s.
    name: quota-halved
    about: "From 10m to 20m the provider grants half of what the agent is configured with."
    duration: 30m
    seed: 1

    pools:
      - name: gpt-4o
        requests_per_minute: 600
        tokens_per_minute: 200000
        provider:
          first_token: {median: 350ms, sigma: 0.4}
          tokens_per_second: 70
          schedule:
            - {at: 10m, for: 10m, what: limits, requests_per_minute: 300, tokens_per_minute: 100000}

    tenants:
      - {name: shop, count: 10}

    traffic:
      - name: chat
        tenants: [shop]
        lane: interactive
        arrivals: {poisson_per_minute: 12}
        input_tokens: {median: 300, sigma: 0.6, most: 4000}
        output_tokens: {median: 120, sigma: 0.5, most: 800}
        max_tokens: 300
        deadline: 20s
        stream: true
      - name: reports
        tenants: [shop]
        lane: batch
        arrivals: {callers: 10, think: 1s}
        input_tokens: {median: 500, sigma: 0.5, most: 6000}
        output_tokens: {median: 200, sigma: 0.5, most: 1500}
        max_tokens: 400
        deadline: 10m

    """
