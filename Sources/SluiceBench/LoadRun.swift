/// One closed-loop run: every slot has one call under way and begins the next when it ends. One thread, one epoll.
package final class LoadRun {
    /// Connections that may be lost before the run is given up.
    private static let lossBound = 100
    /// How long a target may be silent before the run is given up.
    private static let silenceNS: UInt64 = 30_000_000_000
    /// How long calls may take to end after the measured time.
    private static let drainNS: UInt64 = 10_000_000_000

    private struct Link {
        let channel: ByteChannel
        let peer: any LoadPeer
        /// The number of its first slot in ``slots``.
        let base: Int
        let count: Int
        var isReady = false
    }

    private struct Slot {
        /// When its request was written; 0 when it is idle.
        var startNS: UInt64 = 0
        var hasChunk = false
    }

    private enum Phase: Equatable {
        case warmUp(untilNS: UInt64)
        case measured(sinceNS: UInt64)
        case draining(untilNS: UInt64)
    }

    private let target: BenchTarget
    private let workload: Workload
    private let poller: Poller
    private var links: [Link] = []
    private var slots: [Slot]
    private var busy = 0
    private var losses = 0
    private var heardNS = MonotonicClock.nowNS
    private var phase: Phase
    private var recorder = Recorder()
    private var watch: ProcessWatch
    private var events: [LoadEvent] = []
    private var outcome: Measurement?

    /// Connects to the target.
    ///
    /// - Parameter pids: the processes under test; the one at the other end of a Unix socket when nil.
    /// - Throws: ``BenchError`` when it cannot be reached.
    package init(_ target: BenchTarget, _ workload: Workload, pids: [Int]? = nil) throws(BenchError) {
        self.target = target
        self.workload = workload
        poller = try Poller()
        slots = [Slot](repeating: Slot(), count: workload.inFlight)
        phase = .warmUp(untilNS: MonotonicClock.nowNS + workload.warmUpNS)
        watch = ProcessWatch(pids: [])
        try connect()
        let peer = links.first.flatMap { SystemSocket.peerPID($0.channel.descriptor) }
        watch = ProcessWatch(pids: pids ?? peer.map(ProcessStat.family) ?? [])
    }

    /// Runs to the end.
    ///
    /// - Throws: ``BenchError`` when the target keeps breaking connections.
    package func run() throws(BenchError) -> Measurement {
        for index in links.indices where links[index].isReady { beginAll(index, at: MonotonicClock.nowNS) }
        while outcome == nil || (busy > 0 && !isOverdue) {
            try turn()
        }
        guard let outcome else { throw BenchError("\(target.name): the run ended before it was measured") }
        return outcome
    }
}

// MARK: - Connections

extension LoadRun {
    private func connect() throws(BenchError) {
        let count = target.kind == .http ? workload.inFlight : min(workload.connections, workload.inFlight)
        var base = 0
        for index in 0..<count {
            let share = workload.inFlight / count + (index < workload.inFlight % count ? 1 : 0)
            links.append(try link(base: base, count: share, token: index))
            base += share
        }
    }

    private func link(base: Int, count: Int, token: Int) throws(BenchError) -> Link {
        let channel = ByteChannel(descriptor: try SystemSocket.connect(target.address))
        let peer: any LoadPeer =
            switch target.kind {
            case .agent: AgentPeer(slots: count, workload: workload)
            case .http: HTTPPeer(workload: workload)
            }
        poller.add(channel.descriptor, token: token)
        channel.append(peer.greeting)
        _ = channel.flush()
        return Link(channel: channel, peer: peer, base: base, count: count, isReady: peer.greeting.isEmpty)
    }

    /// Counts the calls that were under way as lost, and connects again.
    private func lose(_ index: Int, _ reason: String) throws(BenchError) {
        losses += 1
        guard losses <= Self.lossBound else {
            throw BenchError("\(target.name) breaks its connections (\(reason)); is it the right socket?")
        }
        let old = links[index]
        for slot in old.base..<(old.base + old.count) where slots[slot].startNS > 0 { end(slot, failure: reason) }
        links[index] = try link(base: old.base, count: old.count, token: index)
        if links[index].isReady { beginAll(index, at: MonotonicClock.nowNS) }
    }
}

// MARK: - The loop

extension LoadRun {
    private func turn() throws(BenchError) {
        var lost: [(Int, String)] = []
        poller.wait(timeoutNS: 10_000_000) { index, isReadable, isWritable in
            if isWritable { flush(index) }
            guard isReadable else { return }
            if let reason = read(index) {
                lost.append((index, reason))
            } else if links[index].channel.isClosed {
                lost.append((index, "connection_lost"))
            }
        }
        for (index, reason) in lost { try lose(index, reason) }
        let nowNS = MonotonicClock.nowNS
        guard nowNS < heardNS + Self.silenceNS else {
            throw BenchError("\(target.name) has not answered for 30 s; is it the right socket?")
        }
        advance(at: nowNS)
    }

    /// Takes in what a connection has; answers why it is of no use any more, if so.
    private func read(_ index: Int) -> String? {
        let link = links[index]
        var reply: [UInt8] = []
        events.removeAll(keepingCapacity: true)
        link.channel.read { link.peer.consume($0, into: &events, reply: &reply) }
        if link.channel.isClosed { link.peer.close(into: &events) }
        let nowNS = MonotonicClock.nowNS
        if !events.isEmpty { heardNS = nowNS }
        for event in events {
            if let reason = take(event, index, nowNS) { return reason }
        }
        link.channel.append(reply)
        flush(index)
        return nil
    }

    private func take(_ event: LoadEvent, _ index: Int, _ nowNS: UInt64) -> String? {
        let base = links[index].base
        switch event {
        case .ready:
            links[index].isReady = true
            beginAll(index, at: nowNS)
        case .chunk(let slot, let sentNS): chunk(base + slot, sentNS, nowNS)
        case .done(let slot, let failure):
            end(base + slot, failure: failure, at: nowNS)
            if mayBegin { begin(base + slot, on: index, at: nowNS) }
        case .broken(let reason): return reason
        }
        return nil
    }

    private func flush(_ index: Int) {
        let channel = links[index].channel
        let hadBacklog = channel.hasBacklog
        let isDone = channel.flush()
        if hadBacklog || !isDone { poller.modify(channel.descriptor, token: index, wantsWrite: !isDone) }
    }
}

// MARK: - Calls

extension LoadRun {
    private var isMeasured: Bool {
        if case .measured = phase { true } else { false }
    }

    private var mayBegin: Bool { outcome == nil }

    private var isOverdue: Bool {
        if case .draining(let untilNS) = phase { MonotonicClock.nowNS >= untilNS } else { false }
    }

    private func beginAll(_ index: Int, at nowNS: UInt64) {
        guard mayBegin else { return }
        let link = links[index]
        for slot in link.base..<(link.base + link.count) { begin(slot, on: index, at: nowNS) }
        flush(index)
    }

    private func begin(_ slot: Int, on index: Int, at nowNS: UInt64) {
        let link = links[index]
        link.channel.append(link.peer.request(slot: slot - link.base))
        slots[slot] = Slot(startNS: nowNS)
        busy += 1
    }

    private func chunk(_ slot: Int, _ sentNS: UInt64?, _ nowNS: UInt64) {
        let isFirst = !slots[slot].hasChunk
        slots[slot].hasChunk = true
        guard isMeasured else { return }
        recorder.chunk(sentNS: sentNS, nowNS: nowNS)
        if isFirst { recorder.firstChunk(nowNS - slots[slot].startNS) }
    }

    private func end(_ slot: Int, failure: String?, at nowNS: UInt64 = MonotonicClock.nowNS) {
        guard slots[slot].startNS > 0 else { return }
        if isMeasured {
            if let failure { recorder.failure(failure) } else { recorder.call(nowNS - slots[slot].startNS) }
        }
        slots[slot].startNS = 0
        busy -= 1
    }

    private func advance(at nowNS: UInt64) {
        switch phase {
        case .warmUp(let untilNS):
            guard nowNS >= untilNS else { return }
            watch.begin(at: nowNS)
            phase = .measured(sinceNS: nowNS)
        case .measured(let sinceNS):
            watch.look(at: nowNS)
            guard isOver(since: sinceNS, at: nowNS) else { return }
            let seconds = Double(nowNS - sinceNS) / 1e9
            outcome = recorder.measurement(seconds: seconds, process: watch.end())
            phase = .draining(untilNS: nowNS + Self.drainNS)
        case .draining: return
        }
    }

    private func isOver(since sinceNS: UInt64, at nowNS: UInt64) -> Bool {
        switch workload.length {
        case .timeNS(let length): nowNS - sinceNS >= length
        case .calls(let count): recorder.finished >= count
        }
    }
}
