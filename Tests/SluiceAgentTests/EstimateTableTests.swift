import SluiceAgent
import SluiceOpenAI
import SluicePolicy
import Testing

@Suite("The table of estimates")
struct EstimateTableTests {
    /// English prose at four bytes a token, in one message.
    private func weight(_ textBytes: Int, hidden: Bool = false, choices: Int = 1) -> RequestWeight {
        var weight = RequestWeight()
        weight.textBytes = textBytes
        weight.fixedTokens = 7
        weight.hasHiddenInput = hidden
        weight.choices = choices
        return weight
    }

    private func estimate(
        _ table: EstimateTable, _ weight: RequestWeight, model: String = "gpt-4o-mini",
        endpoint: Endpoint = .chatCompletions, tenant: String? = "acme", asked: Int? = nil
    ) -> CallEstimate {
        table.estimate(weight, model: model, endpoint: endpoint, tenant: tenant, askedOutput: asked)
    }

    private func learn(
        _ table: EstimateTable, _ weight: RequestWeight, model: String = "gpt-4o-mini",
        endpoint: Endpoint = .chatCompletions, tenant: String? = "acme", input: Int, output: Int?
    ) {
        table.learn(
            weight, model: model, endpoint: endpoint, tenant: tenant, inputTokens: input, outputTokens: output)
    }

    @Test("What nobody called is estimated as documented, and estimating stores nothing")
    func unknown() {
        let table = EstimateTable()
        let found = estimate(table, weight(4_000))
        #expect(found.inputTokens == 1_007 && found.inputBasis == .documented && found.inputErrorPerMille == nil)
        #expect(found.output.tokens == 256 && found.output.basis == .documented)
        #expect(found.tokens == 1_263)
        #expect(table.count == 0)
    }

    @Test("Endpoints that write no tokens reserve none")
    func silent() {
        let table = EstimateTable()
        #expect(estimate(table, weight(400), model: "text-embedding-3-small", endpoint: .embeddings).output.tokens == 0)
    }

    @Test("A tenant's own usage comes first, then that of all tenants")
    func bases() {
        let table = EstimateTable()
        for _ in 0..<100 { learn(table, weight(1_000), tenant: "dense", input: 1_007, output: 40) }
        let newcomer = estimate(table, weight(1_000), tenant: "acme")
        #expect(newcomer.inputBasis == .model && newcomer.output.basis == .model)
        #expect(abs(newcomer.inputTokens - 1_007) <= 50 && abs(newcomer.output.tokens - 40) <= 2)
        for _ in 0..<100 { learn(table, weight(1_000), tenant: "acme", input: 207, output: 900) }
        let known = estimate(table, weight(1_000), tenant: "acme")
        #expect(known.inputBasis == .tenant && known.output.basis == .tenant)
        #expect(abs(known.inputTokens - 207) <= 10 && abs(known.output.tokens - 900) <= 45)
        let other = estimate(table, weight(1_000), tenant: "dense")
        #expect(abs(other.inputTokens - 1_007) <= 50 && abs(other.output.tokens - 40) <= 2)
        #expect((known.inputErrorPerMille ?? 1_000) < 200)
        #expect(estimate(table, weight(1_000), endpoint: .responses).inputBasis == .documented)
    }

    @Test("A caller's maximum is taken, up to what the model can write, for each choice")
    func ceilings() {
        let table = EstimateTable()
        #expect(
            estimate(table, weight(4), asked: 12).output
                == ExpectedOutput(asked: 12, tenant: nil, model: nil, ceiling: nil))
        #expect(estimate(table, weight(4), asked: 1_000_000).output.tokens == 16_384)
        #expect(estimate(table, weight(4, choices: 3), asked: 1_000_000).output.tokens == 3 * 16_384)
        #expect(estimate(table, weight(4), model: "our-own", asked: 1_000_000).output.tokens == 1_000_000)
    }

    @Test("Answers are learned by choice")
    func choices() {
        let table = EstimateTable()
        for _ in 0..<30 { learn(table, weight(1_000, choices: 4), input: 257, output: 400) }
        #expect(abs(estimate(table, weight(1_000)).output.tokens - 100) <= 5)
        #expect(abs(estimate(table, weight(1_000, choices: 2)).output.tokens - 200) <= 10)
    }

    @Test("A cut answer teaches the input alone")
    func cut() {
        let table = EstimateTable()
        for _ in 0..<50 { learn(table, weight(1_000), input: 507, output: nil) }
        let found = estimate(table, weight(1_000))
        #expect(abs(found.inputTokens - 507) <= 25 && found.output.basis == .documented)
    }

    @Test("What the provider adds is learned apart, and spoils no ratio")
    func hidden() {
        let table = EstimateTable()
        for _ in 0..<50 { learn(table, weight(1_000), input: 257, output: 10) }
        for _ in 0..<50 { learn(table, weight(1_000, hidden: true), input: 5_257, output: 10) }
        #expect(abs(estimate(table, weight(1_000)).inputTokens - 257) <= 3)
        #expect(abs(estimate(table, weight(1_000, hidden: true)).inputTokens - 5_257) <= 60)
    }

    @Test("A flood of tenants or models neither grows the table nor takes the place of who is busy")
    func flood() {
        let table = EstimateTable(capacity: 64)
        for _ in 0..<40 { learn(table, weight(1_000), tenant: "busy", input: 507, output: 20) }
        for index in 0..<6_000 {
            let isTenant = index.isMultiple(of: 2)
            learn(
                table, weight(10), model: isTenant ? "gpt-4o-mini" : "model-\(index)", tenant: "t\(index)", input: 10,
                output: 1)
            if index.isMultiple(of: 8) { _ = estimate(table, weight(1_000), tenant: "busy") }
            #expect(table.count <= 64)
        }
        let found = estimate(table, weight(1_000), tenant: "busy")
        #expect(found.inputBasis == .tenant && found.output.basis == .tenant)
        #expect(table.errorPerMille(model: "gpt-4o-mini", endpoint: .chatCompletions) != nil)
    }

    @Test("Who comes after a flood finds a place again")
    func afterwards() {
        let table = EstimateTable(capacity: 64)
        for index in 0..<200 {
            for _ in 0..<20 { learn(table, weight(1_000), tenant: "t\(index % 62)", input: 257, output: 1) }
        }
        for _ in 0..<200 { learn(table, weight(1_000), tenant: "late", input: 507, output: 20) }
        #expect(estimate(table, weight(1_000), tenant: "late").inputBasis == .tenant)
        #expect(table.count == 64)
    }

    @Test("Absurd usage overflows nothing")
    func absurd() {
        let table = EstimateTable()
        var huge = weight(Int.max)
        huge.fixedTokens = Int.max
        huge.choices = RequestWeight.maxChoices
        for count in [0, -1, Int.min, Int.max, 1] {
            learn(table, huge, input: count, output: count)
            learn(table, weight(0, hidden: true), input: count, output: count)
            #expect(estimate(table, huge).tokens > 0)
            #expect(estimate(table, weight(0, hidden: true), asked: Int.max).tokens > 0)
        }
    }
}
