import SluiceUpstream
import Synchronization
import Testing

/// The engine as a whole: bounds, shutdown, and one end for each submission whatever happens.
@Suite(.timeLimit(.minutes(1)))
struct EngineTests {
    @Test func shutdownEndsEverythingOnce() async throws {
        let server = try FailureTests.silent(after: "")
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        for token in UInt64(0)..<50 { #expect(rig.engine.submit(.post(token, profile))) }
        rig.engine.shutdown()
        let outcomes = rig.recorder.outcomes
        #expect(outcomes.count == 50)
        #expect(outcomes.values.allSatisfy { $0.ends.count == 1 && $0.failure == .cancelled })
        #expect(!rig.engine.submit(.post(99, profile)))
        #expect(!rig.engine.cancel(1))
        #expect(!rig.engine.beat {})
        rig.engine.shutdown()
    }

    @Test func theBoundOnLiveExchangesHolds() async throws {
        let server = try FailureTests.silent(after: "")
        let rig = try Rig(limits: UpstreamLimits(liveTransfers: 3))
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        #expect((0..<5).map { rig.engine.submit(.post($0, profile)) } == [true, true, true, false, false])
        rig.engine.cancel(1)
        _ = await rig.recorder.end(1)
        #expect(rig.engine.submit(.post(3, profile)))
        #expect(!rig.engine.submit(.post(4, profile)))
    }

    @Test func theLastReferenceMayFallWithinDeliver() async throws {
        let server = try ScriptedServer(script: Scripts.echo)
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        let holder = Mutex<UpstreamEngine?>(nil)
        let ended = Signal<Bool>()
        let engine = try UpstreamEngine { _ in
            holder.withLock { $0 = nil }
            ended.set(true)
        }
        holder.withLock { $0 = engine }
        #expect(holder.withLock { $0?.submit(.post(1, profile)) } == true)
        #expect(await ended.wait())
    }

    /// Random submissions on every kind of path with random cancels, pauses and resumes between them.
    @Test(arguments: [UInt64(1), 2, 3])
    func everySubmissionEndsOnce(seed: UInt64) async throws {
        let server = try ScriptedServer(script: Self.moody)
        let rig = try Rig()
        let profiles = try (0..<3).map { try UpstreamProfile(name: "p\($0)", baseURL: server.baseURL) }
        var random = SplitMix(state: seed)
        for token in UInt64(0)..<400 {
            let path = ["/echo", "/cut", "/hang", "/stream", "/error", "bad"][Int(random.next() % 6)]
            let profile = profiles[Int(random.next() % 3)]
            let streaming = random.next() % 2 == 0
            let timeoutMS = 20 + Int(random.next() % 200)
            let request = UpstreamRequest.post(token, profile, path, "\(token)", streaming: streaming)
            #expect(rig.engine.submit(request.with { $0.totalTimeoutMS = timeoutMS }))
            let other = random.next() % (token + 1)
            switch random.next() % 8 {
            case 0, 1: rig.engine.cancel(other)
            case 2: rig.engine.pause(other)
            case 3: rig.engine.resume(other)
            case 4: rig.engine.retire(profile)
            case 5: await rig.settle()
            default: break
            }
        }
        for token in UInt64(0)..<400 { _ = await rig.recorder.end(token) }
        rig.engine.shutdown()
        let outcomes = rig.recorder.outcomes
        #expect(outcomes.values.allSatisfy { $0.ends.count == 1 })
        #expect(Set(outcomes.keys) == Set(0..<400))
        for (token, outcome) in outcomes where outcome.failure == nil && outcome.end?.head?.status == 200 {
            #expect(String(decoding: outcome.data, as: UTF8.self) + outcome.body == "\(token)")
        }
        let stats = rig.engine.stats()
        #expect(stats.ended == 400 && stats.liveTransfers == 0)
        await server.allClosed()
    }

    private static func moody(_ connection: Connection) {
        while let request = connection.readRequest() {
            switch request.path {
            case "/v1/cut": return _ = connection.send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx")
            case "/v1/hang": return _ = connection.waitForClose()
            case "/v1/error": connection.reply(Array("no".utf8), status: "500 Oops")
            default: connection.reply(request.body)
            }
        }
    }
}

/// Sebastiano Vigna's SplitMix64: small, and the same on every run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
