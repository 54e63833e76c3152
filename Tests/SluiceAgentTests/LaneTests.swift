import Testing

@Suite("Who goes first", .timeLimit(.minutes(1)))
struct LaneTests {
    /// One attempt at a time before an upstream whose model `busy` holds its place until the gate opens; then `waiting`
    /// is queued, and the answer is the order in which it went.
    private func order(
        _ more: [String] = [], _ waiting: [Queued],
        before opening: (House, Setup) async throws -> Void = { _, _ in }
    ) async throws -> [String] {
        let scratch = try Scratch()
        let upstream = try ModelUpstream(scratch.file("raw.sock"))
        let gate = upstream.hold("busy")
        let setup = Setup(pool: ["max_in_flight: 1"], socket: scratch.file("raw.sock"), more: more)
        return try await House.with(setup) { house in
            let caller = try house.connect()
            caller.call("busy", Body.tagged("busy", model: "busy"))
            try await eventually("the first call holds the only place") { upstream.received.count == 1 }
            for (number, call) in waiting.enumerated() {
                caller.call("\(number)", Body.tagged(call.user), call.options)
            }
            try await caller.ping()
            #expect(try await house.status().int("queued") == waiting.count)
            try await opening(house, setup)
            gate.open()
            for number in waiting.indices { #expect(try await caller.end(of: "\(number)").kind == "result") }
            return Array(upstream.users.dropFirst())
        }
    }

    private struct Queued {
        var user: String
        var options: String

        init(_ user: String, lane: String = "normal", tenant: String? = nil, deadlineMS: Int = 60_000) {
            self.user = user
            let who = tenant.map { #""tenant":"\#($0)","# } ?? ""
            options = #"\#(who)"lane":"\#(lane)","deadline_ms":\#(deadlineMS)"#
        }
    }

    @Test("Interactive goes before batch in proportion to the shares, and batch still goes")
    func lanes() async throws {
        let batch = (0..<5).map { _ in Queued("batch", lane: "batch") }
        let interactive = (0..<30).map { _ in Queued("interactive", lane: "interactive") }
        let order = try await order([], batch + interactive)
        #expect(order.count == 35)
        // 16 : 2 are 8 : 1. The batch calls came first, and all but a ninth of what goes is interactive.
        let first = order.prefix(18)
        #expect(first.filter { $0 == "interactive" }.count >= 15)
        #expect((1...3).contains(first.filter { $0 == "batch" }.count))
    }

    @Test("Configured shares hold in place of the usual ones")
    func shares() async throws {
        let more = ["lanes:", "  interactive:", "    share: 1", "  batch:", "    share: 1"]
        let calls = (0..<12).flatMap { _ in
            [Queued("interactive", lane: "interactive"), Queued("batch", lane: "batch")]
        }
        let first = try await order(more, calls).prefix(12)
        #expect((5...7).contains(first.filter { $0 == "batch" }.count))
    }

    @Test("A tenant's flood does not hold up another tenant's single call")
    func flood() async throws {
        let flood = (0..<30).map { _ in Queued("flood", tenant: "flood") }
        let order = try await order([], flood + [Queued("quiet", tenant: "quiet")])
        #expect(try #require(order.firstIndex(of: "quiet")) <= 1)
    }

    @Test("Inside a tenant the earliest deadline goes first, and ties go as they came")
    func deadlines() async throws {
        let calls = [
            Queued("late", tenant: "a", deadlineMS: 90_000), Queued("soon", tenant: "a", deadlineMS: 30_000),
            Queued("middle", tenant: "a", deadlineMS: 60_000),
        ]
        #expect(try await order([], calls) == ["soon", "middle", "late"])
    }

    private static let tiers = [
        "plans:", "  - {name: gold, weight: 3}", "  - {name: basic}", "default_plan: basic", "tenants:",
        "  - {name: \"gold-*\", plan: gold}",
    ]

    private static let twoTenants = (0..<12).flatMap { _ in
        [Queued("basic", tenant: "somebody"), Queued("gold", tenant: "gold-1")]
    }

    @Test("Tenants share a lane by the weights of their plans")
    func weights() async throws {
        let first = try await order(Self.tiers, Self.twoTenants).prefix(8)
        #expect((5...7).contains(first.filter { $0 == "gold" }.count), "\(first)")
    }

    @Test("A reload changes the weight of calls that wait already")
    func weightReloaded() async throws {
        let equal = Self.tiers.map { $0.replacing("weight: 3", with: "weight: 1") }
        let first = try await order(equal, Self.twoTenants) { house, setup in
            var setup = setup
            setup.more = Self.tiers
            try await house.reload(setup)
        }.prefix(8)
        #expect((5...7).contains(first.filter { $0 == "gold" }.count), "\(first)")
        let unchanged = try await order(equal, Self.twoTenants).prefix(8)
        #expect((3...5).contains(unchanged.filter { $0 == "gold" }.count), "\(unchanged)")
    }
}
