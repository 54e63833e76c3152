internal import Glibc
internal import SluiceWire

/// A stand-in provider for measuring: plain calls get one canned completion at once; streamed calls get chunks at an
/// even pace, each with its sending time, so that the receiver knows how long it was on its way.
///
/// It judges nothing and enforces nothing. A stream's first chunk leaves at once; the second follows within one
/// interval, at a phase that differs from stream to stream, so that 500 of them are a steady flow and not 500 chunks
/// at one instant.
package final class PacedUpstream {
    /// What it sends.
    package struct Settings: Sendable, Equatable {
        /// Chunks of one stream.
        package var chunks: Int
        package var intervalNS: UInt64
        /// Bytes of the canned body of a plain answer, at least 300.
        package var bodySize: Int

        package init(chunks: Int, intervalNS: UInt64, bodySize: Int = 994) {
            precondition(chunks > 0 && intervalNS > 0, "a stream needs chunks and a pace")
            self.chunks = chunks
            self.intervalNS = intervalNS
            self.bodySize = bodySize
        }
    }

    /// Connections served at once; more wait in the kernel.
    private static let connectionBound = 8192
    /// A golden-ratio step spreads the phases of any number of streams evenly.
    private static let phaseStep = 0.618_033_988_749_895

    private struct Client {
        let channel: ByteChannel
        /// Chunks of the stream under way that were sent.
        var sent = 0
        var isStreaming = false
    }

    private let settings: Settings
    private let listener: CInt
    private let poller: Poller
    private var clients: [Int: Client] = [:]
    private var nextToken = 1
    private var due = DueHeap()
    private var phase = 0.0
    private let plain: [UInt8]

    /// Listens at the address.
    ///
    /// - Throws: ``BenchError`` when it cannot.
    package init(_ address: SocketAddress, _ settings: Settings) throws(BenchError) {
        self.settings = settings
        listener = try SystemSocket.listen(address)
        poller = try Poller()
        plain = Self.plainAnswer(size: settings.bodySize)
        poller.add(listener, token: 0)
    }

    deinit { close(listener) }

    /// Serves until `isStopped` says so; it is asked at least ten times a second.
    package func serve(until isStopped: () -> Bool) {
        while !isStopped() {
            let nowNS = MonotonicClock.nowNS
            let untilDue = due.earliestNS.map { $0 > nowNS ? $0 - nowNS : 0 } ?? 100_000_000
            poller.wait(timeoutNS: min(untilDue, 100_000_000)) { token, isReadable, _ in
                if token == 0 { accept() } else { serve(token, isReadable: isReadable) }
            }
            sendDue()
        }
    }
}

// MARK: - Connections

extension PacedUpstream {
    private func accept() {
        while clients.count < Self.connectionBound, let descriptor = SystemSocket.accept(listener) {
            clients[nextToken] = Client(channel: ByteChannel(descriptor: descriptor))
            poller.add(descriptor, token: nextToken)
            nextToken += 1
        }
    }

    private func serve(_ token: Int, isReadable: Bool) {
        guard let channel = clients[token]?.channel else { return }
        if isReadable {
            var requests: [Bool] = []
            channel.read { bytes in Self.requests(in: bytes, isStreamed: &requests) }
            for isStreamed in requests { answer(token, isStreamed: isStreamed) }
        }
        flush(token)
        if channel.isClosed { clients[token] = nil }
    }

    private func flush(_ token: Int) {
        guard let channel = clients[token]?.channel else { return }
        let hadBacklog = channel.hasBacklog
        let isDone = channel.flush()
        if hadBacklog || !isDone { poller.modify(channel.descriptor, token: token, wantsWrite: !isDone) }
    }

    /// Takes whole requests from `bytes`; answers how many bytes they were.
    static func requests(in bytes: RawSpan, isStreamed: inout [Bool]) -> Int {
        var offset = 0
        while let end = bytes.endOfHead(from: offset) {
            let head = bytes.text(offset..<end).lowercased()
            let length = head.firstRange(of: "content-length:").flatMap { range in
                Int(head[range.upperBound...].drop { $0 == " " }.prefix { $0.isNumber })
            }
            let next = end + (length ?? 0)
            guard next <= bytes.byteCount else { break }
            isStreamed.append(bytes.text(end..<next).contains(#""stream":true"#))
            offset = next
        }
        return offset
    }
}

// MARK: - Answers

extension PacedUpstream {
    private func answer(_ token: Int, isStreamed: Bool) {
        guard isStreamed else {
            clients[token]?.channel.append(plain)
            return
        }
        clients[token]?.sent = 0
        clients[token]?.isStreaming = true
        clients[token]?.channel.append(
            Array("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n".utf8))
        due.push(MonotonicClock.nowNS, token)
    }

    /// When the chunk after the one just sent is due: a whole interval later, but for the second one, which sets the
    /// stream's phase.
    private func next(after dueNS: UInt64, sent: Int) -> UInt64 {
        guard sent == 1 else { return dueNS + settings.intervalNS }
        phase = (phase + Self.phaseStep).truncatingRemainder(dividingBy: 1)
        return dueNS + UInt64(phase * Double(settings.intervalNS))
    }

    private func sendDue() {
        while let (dueNS, token) = due.pop(by: MonotonicClock.nowNS) {
            guard var client = clients[token], client.isStreaming else { continue }
            client.channel.append(Self.chunk(client.sent, isLast: client.sent + 1 == settings.chunks))
            client.sent += 1
            client.isStreaming = client.sent < settings.chunks
            clients[token] = client
            flush(token)
            if client.isStreaming { due.push(next(after: dueNS, sent: client.sent), token) }
        }
    }

    private static func chunk(_ number: Int, isLast: Bool) -> [UInt8] {
        let delta = isLast ? "{}" : #"{"content":" word\#(number)"}"#
        let finish = isLast ? #""stop""# : "null"
        var event = #"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":0,"#
        event += #""model":"gpt-4o-mini","sent_ns":\#(MonotonicClock.nowNS),"choices":[{"index":0,"delta":"#
        event += "\(delta),\"finish_reason\":\(finish)}]}\n\n"
        if isLast { event += "data: [DONE]\n\n" }
        let framed = String(event.utf8.count, radix: 16) + "\r\n" + event + "\r\n" + (isLast ? "0\r\n\r\n" : "")
        return Array(framed.utf8)
    }

    private static func plainAnswer(size: Int) -> [UInt8] {
        let body = CannedCompletion.body(size: size)
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
        return Array((head + body).utf8)
    }
}

/// The completion that every plain call gets.
package enum CannedCompletion {
    /// A chat completion of exactly `size` bytes, or the smallest possible one.
    package static func body(size: Int) -> String {
        let head =
            #"{"id":"chatcmpl-bench","object":"chat.completion","created":0,"model":"gpt-4o-mini","choices":"#
            + #"[{"index":0,"message":{"role":"assistant","content":""#
        let tail =
            #""},"finish_reason":"stop"}],"usage":{"prompt_tokens":200,"completion_tokens":120,"#
            + #""total_tokens":320}}"#
        let text = "The customer cannot sign in since the last update; ask for the log and reset the session. "
        let room = max(0, size - head.utf8.count - tail.utf8.count)
        let filler = String(repeating: text, count: room / text.utf8.count + 1).utf8.prefix(room)
        return head + String(decoding: Array(filler), as: UTF8.self) + tail
    }
}
