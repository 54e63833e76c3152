import SluiceOpenAI
import SluiceWire

/// The SSE parser against its own self in other pieces and against a plain reading of the standard.
struct SSETarget: FuzzTarget {
    private let mutator = Mutator(corpus: Corpus.streams, tokens: Corpus.streamTokens)

    /// What came out: the events, and whether the bound was hit after them.
    private struct Outcome: Equatable {
        var events: [[UInt8]] = []
        var overflow = false
    }

    func make(_ random: inout Random) -> [UInt8] { mutator.make(&random) }

    func run(_ input: [UInt8], _ random: inout Random) throws(Violation) -> Bool {
        let limit = random.oneIn(4) ? 1 + random.below(100) : Mutator.maxSize
        let whole = parse([input], limit)
        let pieces = cut(input, &random)
        try require(parse(pieces, limit) == whole, "pieces of \(pieces.map(\.count)) under \(limit) say the same")
        try require(whole.events.allSatisfy { $0.count <= limit }, "no event is over the bound")
        if limit == Mutator.maxSize {
            try require(whole == Outcome(events: Self.reference(input)), "parser and reference agree")
        }
        for endpoint in [Endpoint.chatCompletions, .responses] { try follow(whole.events, endpoint) }
        return !whole.events.isEmpty
    }

    private func parse(_ pieces: [[UInt8]], _ limit: Int) -> Outcome {
        var outcome = Outcome()
        var parser = SSEParser(maxEventSize: limit)
        do {
            for piece in pieces { try parser.feed(piece) { outcome.events.append($0.copy(0..<$0.byteCount)) } }
            parser.finish { outcome.events.append($0.copy(0..<$0.byteCount)) }
        } catch { outcome.overflow = true }
        return outcome
    }

    private func cut(_ input: [UInt8], _ random: inout Random) -> [[UInt8]] {
        let longest = random.oneIn(4) ? 1 : 1 + random.below(40)
        var pieces: [[UInt8]] = []
        var start = 0
        while start < input.count {
            let end = min(input.count, start + random.below(longest + 1))
            pieces.append(Array(input[start..<end]))
            start = end
            if longest == 1, end < input.count {
                pieces.append([input[end]])
                start += 1
            }
        }
        return pieces
    }

    private func follow(_ events: [[UInt8]], _ endpoint: Endpoint) throws(Violation) {
        var reader = StreamReader(endpoint: endpoint, withholdsUsage: true)
        for event in events {
            guard let step = try? reader.read(event.span.bytes) else { continue }
            if step.forward { try require(ReferenceJSON.accepts(event), "what is forwarded is JSON") }
            if step.end == .failed {
                try require(step.forward || step.error != nil, "a failure reaches the caller, as a chunk or as its end")
                if let error = step.error { try require(ReferenceJSON.accepts(error), "an error object is JSON") }
            }
        }
    }

    /// The standard's own algorithm on whole lines. The last line counts only when it is ended.
    private static func reference(_ input: [UInt8]) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var start = 0
        for (index, byte) in input.enumerated() where byte == 0x0A || byte == 0x0D {
            if byte == 0x0D || index == 0 || input[index - 1] != 0x0D { lines.append(Array(input[start..<index])) }
            start = index + 1
        }
        if let first = lines.first, first.starts(with: [0xEF, 0xBB, 0xBF]) { lines[0].removeFirst(3) }
        var events: [[UInt8]] = []
        var data: [[UInt8]] = []
        for line in lines + [[]] {
            if line.isEmpty {
                if !data.isEmpty { events.append(Array(data.joined(separator: [0x0A]))) }
                data = []
            } else {
                let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
                guard parts[0].elementsEqual("data".utf8) else { continue }
                let value = parts.count > 1 ? parts[1] : []
                data.append(Array(value.first == 0x20 ? value.dropFirst() : value))
            }
        }
        return events
    }
}
