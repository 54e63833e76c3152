internal import SluiceWire
internal import Synchronization

/// A streamed answer: the provider's chunks as they come, each one JSON text, bytes untouched.
///
/// ```swift
/// let stream = try await client.stream("/v1/chat/completions", body: request)
/// for try await chunk in stream {
///     show(try JSONDecoder().decode(Delta.self, from: Data(chunk)))
/// }
/// print(stream.end?.facts.usage as Any)
/// ```
///
/// The loop ends normally only when the stream is complete; a stream that was truncated, failed or cancelled throws,
/// and ``end`` still tells what it used. Only what has been consumed is granted back to the agent, so a slow loop
/// slows the provider down and memory stays bounded. Leaving the loop early cancels the call when the last reference
/// to the stream goes. One task consumes it, once.
public struct AnswerStream: AsyncSequence, Sendable {
    /// One chunk: JSON text.
    public typealias Element = [UInt8]

    private let lease: Lease

    init(_ exchange: Exchange) { lease = Lease(exchange) }

    /// How the stream ended; nil until the loop over it has.
    public var end: StreamEnd? { lease.end.withLock { $0 } }

    /// Cancels the call; the loop then ends with `caller_cancelled`.
    public func cancel() { lease.exchange.cancel() }

    /// The chunks that have not been consumed yet.
    public func makeAsyncIterator() -> Iterator { Iterator(lease: lease) }

    /// Takes one chunk after the other.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let lease: Lease

        /// The next chunk; nil at the end of a complete stream.
        ///
        /// - Throws: ``SluiceError`` when the stream is anything but complete.
        public mutating func next() async throws -> [UInt8]? { try await lease.next() }
    }
}

/// Holds a stream's call for its consumer and cancels it when the consumer has gone.
private final class Lease: Sendable {
    let exchange: Exchange
    let end = Mutex<StreamEnd?>(nil)

    init(_ exchange: Exchange) { self.exchange = exchange }

    deinit { exchange.cancel() }

    func next() async throws -> [UInt8]? {
        switch await exchange.next() {
        case .chunk(let chunk): return chunk
        case .ended(.failure(let error)): throw error
        case .ended(.answer(let answer)):
            throw SluiceError(
                .clientProtocolViolation, "the agent answered a streamed call with a plain result",
                charged: answer.facts.charged)
        case .ended(.stream(let end, let error)):
            self.end.withLock { $0 = end }
            if end.finish == .complete { return nil }
            throw error ?? end.unexplained
        }
    }
}

/// How a stream ended and what it used.
public struct StreamEnd: Sendable, Equatable {
    /// Whether all of it arrived.
    public var finish: Finish
    /// What the call used and took.
    public var facts: Answer.Facts

    /// Whether all of a stream arrived.
    public enum Finish: String, Sendable {
        /// The provider's own end marker was seen.
        case complete
        /// The bytes ended without it.
        case truncated
        /// The caller cancelled.
        case cancelled
        /// An error inside the stream, a timeout, a consumer that was too slow, or a drain.
        case failed
    }

    fileprivate var unexplained: SluiceError {
        SluiceError(
            .clientProtocolViolation, "the stream ended as \(finish.rawValue) and the agent did not say why",
            charged: facts.charged)
    }
}

extension StreamEnd.Finish {
    init(_ finish: StreamFinish) {
        self =
            switch finish {
            case .complete: .complete
            case .truncated: .truncated
            case .cancelled: .cancelled
            case .failed: .failed
            }
    }
}
