/// One thing that the stand-in does to answer a request.
enum Step: Sendable, Equatable {
    /// Lets time pass, measured from the end of the previous wait, so that a paced stream does not drift.
    case wait(nanoseconds: Int)
    /// Sends the status line and headers. Without a length the body is chunked.
    case head(status: Int, headers: [APIError.Header], length: Int?)
    case bytes([UInt8])
    /// Sends so many bytes `x`.
    case filler(Int)
    /// Sends the bytes in pieces of `size`, with a pause after each.
    case trickle([UInt8], size: Int, pauseNS: Int)
    /// Ends the response in order.
    case end
    /// Drops the connection, as it is.
    case close
    /// Drops the connection with a TCP reset.
    case reset
    /// Does nothing more until the client leaves.
    case hang
}

/// How one request is answered.
struct Plan: Sendable {
    var steps: [Step]
    /// Where its outcome is counted.
    var label: CallLabel
    /// It is an SSE stream.
    var isStream = false
}

/// The labels of one call in the statistics.
struct CallLabel: Sendable, Hashable {
    /// The route's path, or `other`.
    var path: String
    /// The model's own name; empty where there is none, `unknown` where it does not exist.
    var model: String
    /// The status that was sent, 0 when none was.
    var status: Int
}
