import SluiceOpenAI
import SluiceWire

/// The frame decoder over whole streams, and the client frame reader on every payload it finds.
struct FramesTarget: FuzzTarget {
    private let mutator = Mutator(corpus: Corpus.payloads, tokens: Corpus.jsonTokens)
    private let decoder = FrameDecoder(maxFrame: 2048)

    /// One to three payloads, each behind its length; one length in sixteen is wrong.
    func make(_ random: inout Random) -> [UInt8] {
        var stream: [UInt8] = []
        for _ in 0...random.below(3) {
            let payload = mutator.make(&random)
            var length = UInt32(payload.count)
            if random.oneIn(16) {
                length = random.oneIn(2) ? length &+ 1 &- UInt32(random.below(3)) : UInt32(random.below(1 << 32))
            }
            for shift in [24, 16, 8, 0] as [UInt32] { stream.append(UInt8(truncatingIfNeeded: length >> shift)) }
            stream += payload
        }
        if random.oneIn(8) { stream.removeLast(random.below(stream.count + 1)) }
        return stream
    }

    func run(_ input: [UInt8], _ random: inout Random) throws(Violation) -> Bool {
        let whole = try steps(input)
        let prefix = try steps(Array(input[..<random.below(input.count + 1)]))
        try require(whole.starts(with: prefix.dropLast()), "a cut stream begins like the whole one")
        var accepted = false
        for case .frame(let range) in whole {
            if try payload(Array(input[range])) { accepted = true }
        }
        return accepted
    }

    /// All steps up to the one that ends the stream.
    private func steps(_ stream: [UInt8]) throws(Violation) -> [FrameStep] {
        var offset = 0
        var steps: [FrameStep] = []
        while true {
            let step = decoder.step(stream.span.bytes, at: offset)
            steps.append(step)
            switch step {
            case .needBytes(let count):
                try require(count > stream.count - offset && count <= 2048 + 4, "needs bytes that are not there")
                return steps
            case .tooLarge(let length):
                try require(length > 2048, "too large is over the bound")
                return steps
            case .empty: offset += WireLimits.headerSize
            case .frame(let range):
                try require(range.lowerBound == offset + 4 && !range.isEmpty, "a frame begins behind its length")
                try require(range.upperBound <= stream.count, "a frame ends inside the stream")
                offset = range.upperBound
            }
        }
    }

    private func payload(_ bytes: [UInt8]) throws(Violation) -> Bool {
        do {
            if case .call(let call) = try ClientFrame.read(bytes.span.bytes) { try self.call(call, bytes) }
            try require(ReferenceJSON.accepts(bytes), "an accepted frame is JSON")
            return true
        } catch let rejection as FrameRejection {
            try refused(rejection, bytes)
            return false
        } catch let violation as Violation {
            throw violation
        } catch {
            throw Violation("an unknown error: \(error)")
        }
    }

    private func call(_ call: CallFrame, _ bytes: [UInt8]) throws(Violation) {
        try require((1...WireLimits.idSize).contains(call.id.utf8.count), "the id is bounded")
        try require(call.path.utf8.count <= WireLimits.pathSize && call.path.hasPrefix("/v1/"), "the path is bounded")
        try require((call.method == .post) == (call.body != nil), "a POST has a body")
        guard let body = call.body else { return }
        try require(ReferenceJSON.accepts(Array(bytes[body.range])), "a body stands alone")
        try require(bytes[body.range.lowerBound] == UInt8(ascii: "{"), "a body is an object")
        let endpoint = Endpoint(path: call.path)
        guard let view = try? RequestView.read(body, in: bytes.span.bytes, endpoint: endpoint) else { return }
        try require(view.model.map { !$0.isEmpty } ?? !endpoint.requiresModel, "a needed model is there")
    }

    private func refused(_ rejection: FrameRejection, _ bytes: [UInt8]) throws(Violation) {
        let error = rejection.error
        let codes: [ErrorCode] = [.callerInvalidJSON, .callerInvalidUTF8, .callerNestingTooDeep]
        if codes.contains(error.code) {
            let isObject = bytes.first { ![0x20, 0x0A, 0x0D, 0x09].contains($0) } == UInt8(ascii: "{")
            try require(!isObject || !ReferenceJSON.accepts(bytes), "only what is no JSON object is refused as such")
        } else {
            try require([.callerInvalidField, .callerUnknownOp].contains(error.code), "refused as \(error.code)")
            try require(ReferenceJSON.accepts(bytes), "a field is judged in valid JSON only")
        }
        var writer = FrameWriter()
        writer.error(id: rejection.id, error)
        try require(ReferenceJSON.accepts(Array(writer.bytes[4...])), "the refusal is JSON")
    }
}
