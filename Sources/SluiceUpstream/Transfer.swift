internal import CCurl

/// One libcurl easy handle with its buffers, and the exchange it carries at the moment. Engine thread only.
///
/// Static options are set once; a new exchange changes the body's address, and the URL and the method only where they
/// differ from the last one's.
final class Transfer: DeadlineOwner {
    let easy: UnsafeMutableRawPointer
    let pool: HandlePool
    // The loop owns every transfer and outlives it; counting references to it in each callback would be waste.
    unowned(unsafe) let loop: EngineLoop
    let errorText: UnsafeMutablePointer<CChar>
    var heapIndex = -1
    var deadlineMS: Int64 = 0

    // The exchange.
    var token: UInt64 = 0
    private var requestBody: RequestBody?
    private var isStreaming = false
    private var firstByteTimeoutMS: Int64 = 0
    private var idleTimeoutMS: Int64 = 0
    private var totalTimeoutMS: Int64 = 0
    private var startUS: Int64 = 0

    // Its progress.
    var reader = HeadReader()
    var handsOnData = false
    var hasAnswer = false
    var lastByteMS: Int64 = 0
    private(set) var sends = 0
    /// Tells connections apart (0 for all on Unix sockets).
    private(set) var localPort: Int32 = 0
    var bodyBytes = 0
    var failure: UpstreamFailure?
    /// A buffered body, or what was received of a stream in this batch of work.
    var bytes: [UInt8] = []
    /// What a paused HTTP/2 stream received.
    var held: [UInt8] = []
    var isPaused = false
    var isStoppedInCurl = false

    // What the handle is set to.
    private var path: String?
    private var method: UpstreamMethod?

    init?(pool: HandlePool, loop: EngineLoop) {
        guard let easy = curl_easy_init() else { return nil }
        self.easy = easy
        self.pool = pool
        self.loop = loop
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        guard HandleSettings.apply(to: self) else { return nil }
    }

    deinit {
        curl_easy_cleanup(easy)
        errorText.deallocate()
    }

    /// Prepares the handle; false when the request is out of rule.
    func begin(_ request: UpstreamRequest, nowUS: Int64) -> Bool {
        let timeouts = 0...86_400_000
        reset(request, nowUS: nowUS)
        guard timeouts.contains(request.firstByteTimeoutMS), timeouts.contains(request.idleTimeoutMS),
            timeouts.contains(request.totalTimeoutMS)
        else { return false }
        return setPath(request.path) && setMethod(request)
    }

    private func reset(_ request: UpstreamRequest, nowUS: Int64) {
        token = request.token
        isStreaming = request.streaming
        firstByteTimeoutMS = Int64(request.firstByteTimeoutMS)
        idleTimeoutMS = Int64(request.idleTimeoutMS)
        totalTimeoutMS = Int64(request.totalTimeoutMS)
        startUS = nowUS
        reader = HeadReader()
        handsOnData = false
        hasAnswer = false
        lastByteMS = nowUS / 1_000
        sends = 0
        bodyBytes = 0
        failure = nil
        isPaused = false
        isStoppedInCurl = false
        errorText[0] = 0
    }

    private func setPath(_ path: String) -> Bool {
        if self.path == path { return true }
        self.path = nil
        guard ProfileCheck.isRequestPath(path),
            sluice_easy_set_string(easy, CURLOPT_URL, pool.profile.baseURL + path) == CURLE_OK
        else { return false }
        self.path = path
        return true
    }

    private func setMethod(_ request: UpstreamRequest) -> Bool {
        if method != request.method {
            method = request.method
            sluice_easy_set_long(easy, request.method == .get ? CURLOPT_HTTPGET : CURLOPT_POST, 1)
            sluice_easy_set_headers(easy, request.method == .get ? pool.getHeaders : pool.postHeaders)
        }
        guard request.method == .post else { return request.body == nil }
        let body = request.body ?? Self.emptyBody
        requestBody = body
        sluice_easy_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
        return sluice_easy_set_pointer(easy, CURLOPT_POSTFIELDS, body.address) == CURLE_OK
    }

    private static let emptyBody = RequestBody(count: 0) { _ in }

    // MARK: Deadlines

    /// The earliest moment at which a timeout could be over, as far as is known now.
    var nextDeadlineMS: Int64 {
        var next = totalTimeoutMS > 0 ? startMS + totalTimeoutMS : Int64.max
        if !hasAnswer {
            if firstByteTimeoutMS > 0 { next = min(next, startMS + firstByteTimeoutMS) }
        } else if idleTimeoutMS > 0, !isPaused || !handsOnData {
            next = min(next, lastByteMS + idleTimeoutMS)
        }
        return next
    }

    /// Which timeout is over.
    func overdue(_ nowMS: Int64) -> UpstreamFailure? {
        guard nextDeadlineMS <= nowMS else { return nil }
        if totalTimeoutMS > 0, startMS + totalTimeoutMS <= nowMS { return .totalTimeout }
        return hasAnswer ? .idleTimeout : .firstByteTimeout
    }

    private var startMS: Int64 { startUS / 1_000 }

    // MARK: The answer

    /// A connection stands and the request begins on it.
    func noteSend(localPort: Int32) {
        sends += 1
        self.localPort = localPort
    }

    /// Whether the exchange is, or could be, a stream on a shared connection.
    var mayBeHTTP2: Bool {
        sends > 0 && (reader.isHTTP2 || (!hasAnswer && pool.profile.isTLS && pool.profile.httpVersion != .http11))
    }

    /// Whether this answer's body is handed on piece by piece.
    func decideDelivery() {
        handsOnData = isStreaming && (200...299).contains(reader.head.status)
        guard !handsOnData else { return }
        let expected = min(reader.contentLength ?? 4_096, pool.profile.maxResponseBytes, 1 << 20)
        bytes.reserveCapacity(expected)
    }

    /// The verdict, with everything that libcurl knows of the exchange.
    func end(_ failure: UpstreamFailure?, nowUS: Int64) -> UpstreamEnd {
        let body = handsOnData ? [] : takeBytes()
        return UpstreamEnd(
            head: reader.isComplete ? reader.head : nil, body: body, failure: failure, detail: detail(failure),
            timing: timing(nowUS: nowUS),
            bytesSent: long(CURLINFO_REQUEST_SIZE) + offset(CURLINFO_SIZE_UPLOAD_T),
            bytesReceived: Int64(reader.byteCount + bodyBytes), sends: sends, requestSent: sends > 0)
    }

    /// Lets go of the request's bytes, once libcurl has let go of the handle.
    func release() {
        requestBody = nil
    }

    func takeBytes() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &bytes)
        return taken
    }

    private func timing(nowUS: Int64) -> UpstreamTiming {
        let connect = pool.profile.isTLS ? CURLINFO_APPCONNECT_TIME_T : CURLINFO_CONNECT_TIME_T
        let reused = sends > 0 && long(CURLINFO_NUM_CONNECTS) == 0
        return UpstreamTiming(
            connectUS: reused ? 0 : offset(connect),
            firstByteUS: hasAnswer ? offset(CURLINFO_STARTTRANSFER_TIME_T) : 0,
            totalUS: nowUS - startUS, connectionReused: reused)
    }

    private func detail(_ failure: UpstreamFailure?) -> String? {
        guard let failure, failure.hasSafeDetail, errorText[0] != 0 else { return nil }
        let length = (0..<Int(CURL_ERROR_SIZE) - 1).first { errorText[$0] == 0 } ?? 0
        let printable = (0..<length).map { index in
            let byte = UInt8(bitPattern: errorText[index])
            return (0x20...0x7e).contains(byte) ? byte : UInt8(ascii: "?")
        }
        return String(decoding: printable, as: UTF8.self)
    }

    private func long(_ info: CURLINFO) -> Int64 {
        var value = 0
        sluice_easy_get_long(easy, info, &value)
        return Int64(value)
    }

    private func offset(_ info: CURLINFO) -> Int64 {
        var value: curl_off_t = 0
        sluice_easy_get_offset(easy, info, &value)
        return Int64(value)
    }
}
