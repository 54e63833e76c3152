/// The methods the engine sends.
package enum UpstreamMethod: Sendable {
    /// A request without a body.
    case get
    /// A request with a body (an empty one when none is given).
    case post
}

/// One HTTP exchange to be made.
package struct UpstreamRequest: Sendable {
    /// Names the exchange in every event and command; unique among those not yet ended.
    package var token: UInt64
    /// Where to, and with what static settings.
    package var profile: UpstreamProfile
    /// GET or POST.
    package var method: UpstreamMethod
    /// Appended to the profile's base URL; begins with `/`, visible ASCII, at most 2,048 bytes.
    package var path: String
    /// What to send with POST; it stays alive until the exchange has ended.
    package var body: RequestBody?
    /// Whether a 2xx answer is handed on piece by piece instead of whole.
    package var streaming: Bool
    /// From submission to the first byte of the answer's header; 0 means none.
    package var firstByteTimeoutMS: Int
    /// Between two arrivals of bytes of the answer, while it is not paused; 0 means none.
    package var idleTimeoutMS: Int
    /// From submission to the end, paused or not; 0 means none.
    package var totalTimeoutMS: Int

    /// Makes a request; timeouts are 0…86,400,000 ms.
    package init(
        token: UInt64,
        profile: UpstreamProfile,
        method: UpstreamMethod,
        path: String,
        body: RequestBody? = nil,
        streaming: Bool = false,
        firstByteTimeoutMS: Int = 0,
        idleTimeoutMS: Int = 0,
        totalTimeoutMS: Int = 0
    ) {
        self.token = token
        self.profile = profile
        self.method = method
        self.path = path
        self.body = body
        self.streaming = streaming
        self.firstByteTimeoutMS = firstByteTimeoutMS
        self.idleTimeoutMS = idleTimeoutMS
        self.totalTimeoutMS = totalTimeoutMS
    }
}
