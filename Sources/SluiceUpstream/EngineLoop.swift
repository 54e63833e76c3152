internal import CCurl
internal import Glibc

/// The engine's thread: one turn takes commands, lets libcurl work, ends what is over and reports, then sleeps in
/// epoll.
///
/// Everything in here belongs to that one thread once it runs.
final class EngineLoop {
    let limits: UpstreamLimits
    private let inbox: CommandInbox
    private let deliver: @Sendable ([UpstreamEvent]) -> Void
    private let multi: UnsafeMutableRawPointer
    private let poller: SocketPoller
    private var deadlines = DeadlineHeap<Transfer>()
    private var live: [UInt64: Transfer] = [:]
    private var pools: [ObjectIdentifier: HandlePool] = [:]
    private var commands: [EngineCommand] = []
    private var events: [UpstreamEvent] = []
    private var dirty: [Transfer] = []
    private var throttled: [Transfer] = []
    private var unflushedPorts: Set<Int32> = []
    private var endedInTurn = 0
    private var stats = UpstreamStats()
    private var hostConnections = 0
    private var curlTimerUS: Int64?
    private var isStopping = false
    private var isOver = false
    private var nowUS: Int64 = 0

    /// The time of this turn.
    var nowMS: Int64 { nowUS / 1_000 }

    init(
        limits: UpstreamLimits, inbox: CommandInbox, deliver: @escaping @Sendable ([UpstreamEvent]) -> Void
    ) throws(UpstreamEngineError) {
        self.limits = limits
        self.inbox = inbox
        self.deliver = deliver
        poller = try SocketPoller(wakeup: inbox.wakeup)
        guard Self.isLibraryReady, let multi = curl_multi_init() else { throw .library }
        self.multi = multi
        setUpMulti()
    }

    /// Once per process; libcurl counts and guards by itself from 7.84 on, the lazy static does it for older ones.
    private static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    private func setUpMulti() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        sluice_multi_set_long(multi, CURLMOPT_MAXCONNECTS, limits.idleConnections)
        sluice_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
        sluice_multi_set_pointer(multi, CURLMOPT_SOCKETDATA, context)
        sluice_multi_set_pointer(multi, CURLMOPT_TIMERDATA, context)
        sluice_multi_set_socket_callback(multi) { _, socket, what, context, _ in
            guard let context else { return -1 }
            Unmanaged<EngineLoop>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.poller.want(socket, what) }
            return 0
        }
        sluice_multi_set_timer_callback(multi) { _, timeoutMS, context in
            guard let context else { return -1 }
            Unmanaged<EngineLoop>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.setCurlTimer(timeoutMS) }
            return 0
        }
    }

    deinit { if !isOver { curl_multi_cleanup(multi) } }

    // MARK: Turns

    /// Runs until stopped. Commands come before sockets, so that a pause holds before another byte is read.
    func run() {
        var ready = 0
        while true {
            takeCommands()
            continueThrottled()
            dispatch(ready)
            fireCurlTimer()
            collectFinished()
            expireDeadlines()
            flushResets()
            report()
            if isStopping { break }
            ready = poller.wait(timeoutMS: inbox.maySleep() && throttled.isEmpty ? sleepMS() : 0)
            nowUS = MonotonicClock.nowUS()
        }
        tearDown()
    }

    private func tearDown() {
        isOver = true
        pools.values.forEach { $0.retire() }
        pools.removeAll()
        curl_multi_cleanup(multi)
        stats.idleHandles = 0
        inbox.settle(ended: 0, stats: stats)
    }

    private func continueThrottled() {
        guard !throttled.isEmpty else { return }
        let waiting = throttled
        throttled.removeAll(keepingCapacity: true)
        for transfer in waiting where !transfer.isPaused { readOn(transfer) }
    }

    private func dispatch(_ count: Int) {
        for index in 0..<count {
            guard let (socket, mask) = poller.ready(index) else { continue }
            var running: Int32 = 0
            curl_multi_socket_action(multi, socket, mask, &running)
        }
    }

    /// Until the next timer, rounded up; for ever without one.
    private func sleepMS() -> Int32 {
        let own = deadlines.earliestMS.flatMap { $0 == .max ? nil : $0 * 1_000 }
        guard let next = [own, curlTimerUS].compactMap(\.self).min() else { return -1 }
        let remaining = (next - MonotonicClock.nowUS() + 999) / 1_000
        return Int32(min(max(remaining, 0), 60_000))
    }

    private func setCurlTimer(_ timeoutMS: Int) {
        switch timeoutMS {
        case ..<0: curlTimerUS = nil
        case 0: curlTimerUS = 0
        default: curlTimerUS = MonotonicClock.nowUS() + Int64(timeoutMS) * 1_000
        }
    }

    private func fireCurlTimer() {
        guard let due = curlTimerUS, due <= nowUS else { return }
        curlTimerUS = nil
        var running: Int32 = 0
        curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running)
    }

    private func collectFinished() {
        var remaining: Int32 = 0
        while let message = curl_multi_info_read(multi, &remaining) {
            guard message.pointee.msg == CURLMSG_DONE else { continue }
            let result = sluice_message_result(message)
            var context: UnsafeMutableRawPointer?
            sluice_easy_get_pointer(message.pointee.easy_handle, CURLINFO_PRIVATE, &context)
            guard let context else { continue }
            let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            finish(transfer, transfer.failure ?? (result == CURLE_OK ? nil : UpstreamFailure(result)))
        }
    }

    private func expireDeadlines() {
        while let transfer = deadlines.popDue(nowMS) {
            if let failure = transfer.overdue(nowMS) {
                finish(transfer, failure)
            } else {
                deadlines.insert(transfer, deadlineMS: transfer.nextDeadlineMS)
            }
        }
    }

    private func report() {
        for transfer in dirty { flush(transfer) }
        dirty.removeAll(keepingCapacity: true)
        stats.liveTransfers = live.count
        stats.idleHandles = pools.values.reduce(0) { $0 + $1.idleCount }
        inbox.settle(ended: endedInTurn, stats: stats)
        endedInTurn = 0
        guard !events.isEmpty else { return }
        var batch: [UpstreamEvent] = []
        swap(&batch, &events)
        deliver(batch)
    }

    private func flush(_ transfer: Transfer) {
        // A transfer that ended, and perhaps began anew, since it was marked has been flushed already.
        guard transfer.handsOnData, !transfer.bytes.isEmpty else { return }
        events.append(.data(transfer.token, transfer.takeBytes()))
    }

    // MARK: Commands

    private func takeCommands() {
        inbox.take(into: &commands)
        guard !commands.isEmpty else { return }
        nowUS = MonotonicClock.nowUS()
        for command in commands { perform(command) }
        commands.removeAll(keepingCapacity: true)
    }

    private func perform(_ command: EngineCommand) {
        switch command {
        case .submit(let request): start(request)
        case .cancel(let token): if let transfer = live[token] { finish(transfer, .cancelled) }
        case .pause(let token): live[token]?.isPaused = true
        case .resume(let token): if let transfer = live[token] { resume(transfer) }
        case .beat(let reply): reply()
        case .retire(let profile): pools.removeValue(forKey: ObjectIdentifier(profile))?.retire()
        case .stop: stop()
        }
    }

    private func start(_ request: UpstreamRequest) {
        guard let transfer = pool(for: request.profile).take(for: self) else {
            return refuse(request, UpstreamFailure(CURLE_OUT_OF_MEMORY))
        }
        let previous = live.updateValue(transfer, forKey: request.token)
        precondition(previous == nil, "token \(request.token) is already in use")
        guard transfer.begin(request, nowUS: nowUS) else { return finish(transfer, .invalidRequest) }
        deadlines.insert(transfer, deadlineMS: transfer.nextDeadlineMS)
        guard curl_multi_add_handle(multi, transfer.easy) == CURLM_OK else {
            return finish(transfer, UpstreamFailure(CURLE_FAILED_INIT))
        }
    }

    private func resume(_ transfer: Transfer) {
        guard transfer.isPaused else { return }
        transfer.isPaused = false
        transfer.lastByteMS = nowMS
        transfer.releaseHeld()
        hasten(transfer)
        readOn(transfer)
    }

    /// libcurl hands out what it kept from within this call.
    private func readOn(_ transfer: Transfer) {
        guard transfer.isStoppedInCurl else { return }
        transfer.isStoppedInCurl = false
        curl_easy_pause(transfer.easy, CURLPAUSE_CONT)
    }

    private func stop() {
        isStopping = true
        for transfer in Array(live.values) { finish(transfer, .cancelled) }
    }

    private func pool(for profile: UpstreamProfile) -> HandlePool {
        if let pool = pools[ObjectIdentifier(profile)] { return pool }
        let pool = HandlePool(profile: profile, idleLimit: limits.idleHandlesPerProfile)
        pools[ObjectIdentifier(profile)] = pool
        if profile.maxConnections > hostConnections {
            hostConnections = profile.maxConnections
            sluice_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, hostConnections)
        }
        return pool
    }

    // MARK: Ends

    /// Takes the transfer out at once: an unfinished HTTP/1.1 connection is closed, an HTTP/2 stream reset.
    private func finish(_ transfer: Transfer, _ failure: UpstreamFailure?) {
        let end = transfer.end(failure, nowUS: MonotonicClock.nowUS())
        transfer.releaseHeld()
        flush(transfer)
        takeOut(transfer, isUnfinished: failure != nil)
        deadlines.remove(transfer)
        live.removeValue(forKey: transfer.token)
        count(end)
        events.append(.end(transfer.token, end))
        transfer.release()
        transfer.pool.put(transfer)
    }

    /// libcurl 7.88 queues an HTTP/2 stream's reset without sending it. So a connection that carries nothing else is
    /// not kept, and one that does is made to send what it has queued.
    private func takeOut(_ transfer: Transfer, isUnfinished: Bool) {
        guard isUnfinished, transfer.mayBeHTTP2 else { return _ = curl_multi_remove_handle(multi, transfer.easy) }
        sluice_easy_set_long(transfer.easy, CURLOPT_FORBID_REUSE, 1)
        curl_multi_remove_handle(multi, transfer.easy)
        sluice_easy_set_long(transfer.easy, CURLOPT_FORBID_REUSE, 0)
        unflushedPorts.insert(transfer.localPort)
    }

    /// Lifting a pause is the one call that makes libcurl send what an HTTP/2 connection has queued, so one transfer on
    /// each connection with a fresh reset is paused and resumed. Where all of them are paused the reset waits for
    /// traffic.
    private func flushResets() {
        guard !unflushedPorts.isEmpty else { return }
        for transfer in live.values where transfer.mayBeHTTP2 && !transfer.isStoppedInCurl {
            guard unflushedPorts.remove(transfer.localPort) != nil else { continue }
            curl_easy_pause(transfer.easy, CURLPAUSE_RECV)
            curl_easy_pause(transfer.easy, CURLPAUSE_CONT)
            if unflushedPorts.isEmpty { return }
        }
        unflushedPorts.removeAll()
    }

    private func refuse(_ request: UpstreamRequest, _ failure: UpstreamFailure) {
        let end = UpstreamEnd(
            head: nil, body: [], failure: failure, detail: nil, timing: UpstreamTiming(), bytesSent: 0,
            bytesReceived: 0, sends: 0, requestSent: false)
        count(end)
        events.append(.end(request.token, end))
    }

    private func count(_ end: UpstreamEnd) {
        endedInTurn += 1
        stats.ended += 1
        if end.timing.connectionReused { stats.reused += 1 }
        if end.sends > 1 { stats.resent += UInt64(end.sends - 1) }
    }

    // MARK: What transfers and sockets report

    func report(_ event: UpstreamEvent) {
        events.append(event)
    }

    /// The transfer has bytes to hand on at the end of this turn.
    func markDirty(_ transfer: Transfer) {
        dirty.append(transfer)
    }

    /// The transfer has had its share of this turn and reads on in the next one, unless it is paused by then.
    func throttle(_ transfer: Transfer) {
        throttled.append(transfer)
    }

    /// Looks at the transfer's timeouts sooner when its next deadline has come closer.
    func hasten(_ transfer: Transfer) {
        let next = transfer.nextDeadlineMS
        if transfer.heapIndex >= 0, next < transfer.deadlineMS { deadlines.move(transfer, deadlineMS: next) }
    }

    func openSocket(_ address: curl_sockaddr) -> Int32 {
        let kind = address.socktype | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(address.family, kind, address.protocol)
        guard descriptor >= 0 else { return CURL_SOCKET_BAD }
        stats.connectionsOpened += 1
        poller.opened(descriptor)
        return descriptor
    }
}
