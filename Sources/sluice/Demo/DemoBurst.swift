import Foundation
import SluiceAgent
import SluiceClient

/// Many callers at once against a quota that cannot take them all, with the agent's state as it goes.
struct DemoBurst {
    let calls: Int

    private struct Outcome: Sendable {
        var succeeded = 0
        var failed = 0
    }

    func run(_ house: DemoHouse) async throws {
        Terminal.say(
            "5. Monday morning: \(calls) calls from 4 tenants at once; the provider allows "
                + "\(DemoHouse.requestsPerMinute) a minute")
        let screen = Task { await watch(house) }
        let outcome = await burst(house)
        screen.cancel()
        await screen.value
        let status = try await house.status()
        Terminal.say(
            "\(Terminal.isInteractive ? "\r\u{1B}[K" : "")   \(outcome.succeeded) answered, \(outcome.failed) failed; "
                + "the provider received \(house.received) requests and gave \(house.rateLimited) answers of 429")
        for pool in status.pools.prefix(3) {
            Terminal.say(
                "   pool \(pool.name): learned \(pool.requestsPerMinute ?? 0) requests and "
                    + "\(pool.tokensPerMinute ?? 0) tokens a minute from the provider's headers")
        }
    }

    private func burst(_ house: DemoHouse) async -> Outcome {
        let client = SluiceClient(socket: house.socket, name: "demo/burst")
        defer { client.close() }
        return await withTaskGroup(of: Bool.self, returning: Outcome.self) { group in
            for number in 0..<calls {
                group.addTask {
                    let options = CallOptions(
                        tenant: "tenant-\(number % 4)", feature: "demo", lane: number % 4 == 0 ? .interactive : .batch)
                    let answer = try? await client.call(
                        "/v1/chat/completions", body: DemoRequest("Call \(number)"), options: options)
                    return answer != nil
                }
            }
            return await group.reduce(into: Outcome()) { sum, ok in
                if ok { sum.succeeded += 1 } else { sum.failed += 1 }
            }
        }
    }

    private func watch(_ house: DemoHouse) async {
        while !Task.isCancelled {
            if let status = try? await house.status() {
                let line =
                    "   \(status.inFlight) in flight, \(status.queued) queued, \(house.received) received by the "
                    + "provider, \(house.rateLimited) × 429"
                Terminal.show(Terminal.isInteractive ? "\r\u{1B}[K\(line)" : "\(line)\n")
            }
            try? await Task.sleep(for: .milliseconds(Terminal.isInteractive ? 200 : 2000))
        }
    }
}
