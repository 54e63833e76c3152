import SluiceUpstream
import Synchronization
import Testing

/// Cancelling reaches the server; pausing loses nothing and stops only what it should.
@Suite(.timeLimit(.minutes(1)))
struct CancelAndPauseTests {
    @Test func cancelWhileWaitingClosesTheConnection() async throws {
        let received = Signal<Bool>()
        let closed = Signal<Bool>()
        let server = try ScriptedServer { connection in
            received.set(connection.readRequest() != nil)
            closed.set(connection.waitForClose())
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        #expect(rig.engine.submit(.post(1, profile)))
        #expect(await received.wait())
        rig.engine.cancel(1)
        let outcome = await rig.recorder.end(1)
        #expect(outcome.failure == .cancelled)
        #expect(outcome.end?.requestSent == true)
        #expect(await closed.wait())
    }

    @Test func cancelInAStreamClosesTheConnection() async throws {
        let closed = Signal<Bool>()
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
            closed.set(connection.waitForClose())
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        #expect(rig.engine.submit(.post(1, profile, streaming: true)))
        _ = await rig.recorder.wait(1) { !$0.pieces.isEmpty }
        rig.engine.cancel(1)
        rig.engine.cancel(1)
        let outcome = await rig.recorder.end(1)
        #expect(outcome.failure == .cancelled)
        #expect(await closed.wait())
        await rig.settle()
        #expect(rig.recorder.outcomes[1]?.ends.count == 1)
        #expect(rig.engine.stats().liveTransfers == 0)
    }

    @Test func aSubmitAndItsCancelInOneBatchEndOnce() async throws {
        let server = try ScriptedServer(script: Scripts.echo)
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        #expect(rig.engine.submit(.post(1, profile)))
        rig.engine.cancel(1)
        rig.engine.cancel(99)
        await rig.settle()
        let outcome = await rig.recorder.end(1)
        #expect(outcome.ends.count == 1)
        #expect(rig.engine.submit(.post(1, profile, "/x", "again")))
        let again = await rig.recorder.wait(1) { $0.ends.count == 2 }
        #expect(again.ends[1].body == Array("again".utf8))
    }

    /// Blocks that carry their number, so that a lost, doubled or swapped piece shows.
    static func pattern(blocks: Int) -> [UInt8] {
        let block = (0..<4_093).map { UInt8(truncatingIfNeeded: $0) }
        return (0..<blocks).reduce(into: []) { bytes, number in
            bytes.append(contentsOf: [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)])
            bytes.append(contentsOf: block)
        }
    }

    @Test func aPausedStreamHoldsStillWhileOthersGoOn() async throws {
        let expected = Self.pattern(blocks: 4_000)
        let gate = Gate()
        let sentAll = Mutex(false)
        let server = try ScriptedServer { connection in
            while let request = connection.readRequest() {
                guard request.path == "/v1/big" else {
                    connection.reply(request.body)
                    continue
                }
                gate.pass()
                connection.reply(expected)
                sentAll.withLock { $0 = true }
            }
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        #expect(rig.engine.submit(.post(1, profile, "/big", streaming: true)))
        rig.engine.pause(1)
        await rig.settle()
        gate.open()
        _ = await rig.recorder.wait(1) { $0.head != nil }
        for token in UInt64(10)..<30 { #expect(await rig.run(.post(token, profile, "/x", "other")).body == "other") }
        #expect(rig.recorder.outcomes[1]?.pieces.isEmpty == true)
        #expect(!sentAll.withLock { $0 })
        rig.engine.resume(1)
        let outcome = await rig.recorder.end(1)
        #expect(outcome.failure == nil)
        #expect(outcome.data == expected)
    }

    @Test func pausingAtEveryPieceLosesNothing() async throws {
        let expected = Self.pattern(blocks: 300)
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            var rest = expected[...]
            while !rest.isEmpty {
                let piece = rest.prefix(7_919)
                rest = rest.dropFirst(piece.count)
                connection.send(Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + Array("\r\n".utf8))
            }
            connection.send("0\r\n\r\n")
        }
        let recorder = Recorder()
        let holder = Mutex<UpstreamEngine?>(nil)
        // Pausing from within the report holds before the next byte is read.
        let engine = try UpstreamEngine { events in
            if events.contains(where: \.isData) { holder.withLock { _ = $0?.pause(1) } }
            recorder.receive(events)
        }
        holder.withLock { $0 = engine }
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        #expect(engine.submit(.post(1, profile, streaming: true)))
        var pauses = 0
        while true {
            let seen = pauses
            let outcome = await recorder.wait(1) { $0.pieces.count > seen || !$0.ends.isEmpty }
            if outcome.end != nil { break }
            #expect(outcome.pieces.count == seen + 1)
            pauses = outcome.pieces.count
            engine.resume(1)
        }
        #expect(recorder.outcomes[1]?.failure == nil)
        #expect(recorder.outcomes[1]?.data == expected)
        #expect(pauses > 10)
        engine.shutdown()
    }

    @Test func theIdleTimeoutRestsWhilePausedAndTheTotalDoesNot() async throws {
        let gate = Gate()
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            gate.pass()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
            _ = connection.waitForClose()
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        let request = UpstreamRequest.post(1, profile, streaming: true).with { $0.totalTimeoutMS = 200 }
        #expect(rig.engine.submit(request.with { $0.idleTimeoutMS = 20 }))
        rig.engine.pause(1)
        await rig.settle()
        gate.open()
        #expect(await rig.recorder.end(1).failure == .totalTimeout)
    }

    @Test func aCancelledPausedStreamClosesTheConnection() async throws {
        let closed = Signal<Bool>()
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\n\r\n")
            while connection.send([UInt8](repeating: 0, count: 65_536)) {}
            closed.set(true)
        }
        let rig = try Rig()
        let profile = try UpstreamProfile(name: "t", baseURL: server.baseURL)
        #expect(rig.engine.submit(.post(1, profile, streaming: true)))
        _ = await rig.recorder.wait(1) { !$0.pieces.isEmpty }
        rig.engine.pause(1)
        await rig.settle()
        rig.engine.cancel(1)
        #expect(await rig.recorder.end(1).failure == .cancelled)
        #expect(await closed.wait())
    }
}

extension UpstreamEvent {
    fileprivate var isData: Bool {
        if case .data = self { true } else { false }
    }
}
