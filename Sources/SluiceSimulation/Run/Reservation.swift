import SluicePolicy

/// What the agent reserves for a call, by the machines of `SluicePolicy/Estimation` and in the order in which the agent
/// asks them (`SluiceAgent/EstimateTable.swift`): of the input by the tenant's own ratio of tokens to bytes, else that
/// of all, else the documented one; of the output what the caller names, else what the tenant's answers, else all
/// answers, were long.
///
/// One entry for each pool, which stands for its model, and each tenant of it: entries are made when usage comes back.
struct Reservations {
    private struct Entry {
        var input = InputCalibration()
        var output = OutputQuantile()

        mutating func learn(_ call: WorkloadCall, input tokens: Int, output length: Int) {
            input.learn(textBytes: call.bytes, fixedTokens: 0, actual: tokens)
            output.learn(length)
        }
    }

    private let tenants: Int
    /// By pool: everybody first, then nobody in particular, then the tenants.
    private var entries: [Entry?]

    /// Calls of a tenant before its own ratio is trusted, as in the agent.
    private static let minimumSamples = 4

    init(pools: Int, tenants: Int) {
        self.tenants = tenants
        entries = Array(repeating: nil, count: pools * (tenants + 2))
    }

    private func everybody(_ pool: Int) -> Int { pool * (tenants + 2) }

    private func own(_ call: WorkloadCall, _ pool: Int) -> Int { everybody(pool) + 2 + (call.tenant ?? -1) }

    /// One reservation for each route of a call, as asked first.
    func costs(of call: WorkloadCall) -> [CallCost] {
        ([call.pool] + call.fallbacks.map(\.pool)).map { cost(of: call, pool: $0) }
    }

    private func cost(of call: WorkloadCall, pool: Int) -> CallCost {
        if let recorded = call.reservedTokens { return CallCost(tokens: recorded, images: call.images) }
        let (own, all) = (entries[own(call, pool)], entries[everybody(pool)])
        let trusted = own.flatMap { $0.input.samples >= Self.minimumSamples ? $0.input : nil }
        let ratio = trusted ?? all?.input ?? InputCalibration()
        let output = ExpectedOutput(
            asked: call.maxTokens, tenant: own?.output.percentile, model: all?.output.percentile, ceiling: nil)
        return CallCost(
            tokens: ratio.estimate(textBytes: call.bytes, fixedTokens: 0) + output.tokens, images: call.images)
    }

    /// Learns from an answer of a pool.
    mutating func learn(_ call: WorkloadCall, pool: Int, input: Int, output: Int) {
        for index in [everybody(pool), own(call, pool)] {
            var entry = entries[index] ?? Entry()
            // Not held twice while it changes: a copy of a histogram for every answer would be dear.
            entries[index] = nil
            entry.learn(call, input: input, output: output)
            entries[index] = entry
        }
    }
}
