/// What the engine reports. Per token: at most one `head`, then any number of `data`, then exactly one `end`.
package enum UpstreamEvent: Sendable {
    /// A streamed 2xx answer began.
    case head(UInt64, UpstreamHead)
    /// Bytes of a streamed 2xx answer; all that arrived in one batch of work are one event.
    case data(UInt64, [UInt8])
    /// The exchange is over; the token may be used again.
    case end(UInt64, UpstreamEnd)
}

/// One response header that was kept.
package struct UpstreamHeader: Sendable, Equatable {
    /// The field name in lower case.
    package let name: String
    /// The value without surrounding blanks; invalid UTF-8 is repaired. Untrusted.
    package let value: String
}

/// Status and selected headers of an answer.
package struct UpstreamHead: Sendable, Equatable {
    /// The HTTP status, 200…999: interim answers are skipped.
    package internal(set) var status: Int
    /// At most 32, values of at most 512 bytes (longer ones are left out): `content-type`, `openai-processing-ms`,
    /// `openai-version`, `retry-after`, `retry-after-ms`, `x-request-id`, `x-should-retry` and every `x-ratelimit-…`.
    package internal(set) var headers: [UpstreamHeader]

    /// The first value of the header with this lower-case name.
    package subscript(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }
}

/// How long an exchange took, in µs, and on what connection.
package struct UpstreamTiming: Sendable, Equatable {
    /// From the start of the transfer until the connection, TLS included, stood; 0 when it did already or never did.
    package internal(set) var connectUS: Int64 = 0
    /// From the start of the transfer to the first byte of the answer; 0 when none came.
    package internal(set) var firstByteUS: Int64 = 0
    /// From the engine taking the request up to its end.
    package internal(set) var totalUS: Int64 = 0
    /// Whether the exchange went over a connection that stood already.
    package internal(set) var connectionReused = false
}

/// The end of an exchange.
package struct UpstreamEnd: Sendable {
    /// Present when a final answer's header was read to its end.
    package internal(set) var head: UpstreamHead?
    /// The body of a buffered answer (not streaming, or not 2xx); what had arrived of it when `failure` is set.
    package internal(set) var body: [UInt8]
    /// `nil` when the HTTP exchange was complete, whatever its status.
    package internal(set) var failure: UpstreamFailure?
    /// libcurl's own words on a name, connect or TLS failure: at most 255 bytes of printable ASCII, host names and
    /// certificate facts, never a header or a body.
    package internal(set) var detail: String?
    /// Durations.
    package internal(set) var timing: UpstreamTiming
    /// Bytes of the request, header included, that were handed to the connection.
    package internal(set) var bytesSent: Int64
    /// Bytes of the answer, header included.
    package internal(set) var bytesReceived: Int64
    /// How often the request was begun on a connection: 0, 1, or more when libcurl found a reused connection dead
    /// before any byte of an answer and sent the request again on another.
    package internal(set) var sends: Int
    /// Whether any byte of the request may have reached the wire: a failure is then ambiguous.
    package internal(set) var requestSent: Bool
}
