/// What one run sends.
package struct Workload: Sendable, Equatable {
    package var path = "/v1/chat/completions"
    /// The request body, JSON text.
    package var body: [UInt8]
    package var isStreamed: Bool
    /// Calls under way at once, over all connections.
    package var inFlight: Int
    /// Connections to an agent; an HTTP peer gets one per call in flight.
    package var connections: Int
    /// Not measured, in nanoseconds.
    package var warmUpNS: UInt64
    package var length: Length

    /// When a run is over.
    package enum Length: Sendable, Equatable {
        /// After so many nanoseconds behind the warm-up.
        case timeNS(UInt64)
        /// After so many measured calls.
        case calls(Int)
    }

    package init(
        body: [UInt8], isStreamed: Bool, inFlight: Int, connections: Int, warmUpNS: UInt64, length: Length
    ) {
        precondition(inFlight > 0 && connections > 0, "nothing to run: \(inFlight) calls, \(connections) connections")
        self.body = body
        self.isStreamed = isStreamed
        self.inFlight = inFlight
        self.connections = connections
        self.warmUpNS = warmUpNS
        self.length = length
    }

    /// A chat completion request of exactly `size` bytes, or the smallest possible one.
    package static func chatBody(size: Int, isStreamed: Bool) -> [UInt8] {
        let head =
            #"{"model":"gpt-4o-mini","max_tokens":64,"stream":\#(isStreamed),"messages":[{"role":"user","content":""#
        let tail = #""}]}"#
        let text = "Summarise the ticket below for the agent on duty and name the next step. "
        let room = max(0, size - head.utf8.count - tail.utf8.count)
        let filler = String(repeating: text, count: room / text.utf8.count + 1).utf8.prefix(room)
        return Array(head.utf8) + filler + tail.utf8
    }
}
