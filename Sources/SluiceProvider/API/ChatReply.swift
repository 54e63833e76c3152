/// Writes the answers of `POST /v1/chat/completions`.
struct ChatReply {
    let request: GenerationRequest
    let context: CallContext

    func answer() -> Answer {
        let (completions, usage) = context.compose(request)
        guard request.isStreamed else {
            return .plain(plain(completions, usage), outputTokens: usage.output)
        }
        return .stream(StreamAnswer(frames: frames(completions, usage), style: .chat))
    }

    private func plain(_ completions: [Completion], _ usage: TokenUsage) -> JSONValue {
        let choices = completions.enumerated().map { index, completion -> JSONValue in
            [
                "index": .int(index), "message": message(completion), "logprobs": .null,
                "finish_reason": .string(completion.finish.rawValue),
            ]
        }
        return [
            "id": .string("chatcmpl-" + context.idDigits), "object": "chat.completion",
            "created": .int(context.created), "model": .string(context.model), "choices": .array(choices),
            "usage": usage.chatObject,
            "service_tier": "default", "system_fingerprint": "fp_standin",
        ]
    }

    private func message(_ completion: Completion) -> JSONValue {
        var message: JSONObject = ["role": "assistant", "content": .null, "refusal": .null, "annotations": []]
        if completion.toolCalls.isEmpty {
            message.members[1].value = .string(completion.text.joined())
        } else {
            message["tool_calls"] = .array(
                completion.toolCalls.map { call in
                    [
                        "id": .string(call.id), "type": "function",
                        "function": ["name": .string(call.name), "arguments": .string(call.arguments.joined())],
                    ]
                })
        }
        return .object(message)
    }
}

// MARK: Streamed

extension ChatReply {
    /// Roles first, then the choices' tokens in turn, then the finish reasons, the usage if asked for, and `[DONE]`.
    private func frames(_ completions: [Completion], _ usage: TokenUsage) -> [StreamAnswer.Frame] {
        var frames: [StreamAnswer.Frame] = []
        let bodies = completions.indices.map { tokenFrames($0, completions[$0]) }
        for index in completions.indices {
            frames.append(frame(choice(index, opening(completions[index])), tokens: 0))
        }
        for position in 0..<(bodies.map(\.count).max() ?? 0) {
            for body in bodies where position < body.count { frames.append(body[position]) }
        }
        for index in completions.indices {
            frames.append(frame(choice(index, [:], completions[index].finish), tokens: 0))
        }
        if request.includesUsage { frames.append(frame(nil, usage: usage.chatObject, tokens: 0)) }
        frames.append(.init(bytes: SSEWriter.done, tokens: 0))
        return frames
    }

    private func opening(_ completion: Completion) -> JSONValue {
        let content: JSONValue = completion.toolCalls.isEmpty ? "" : .null
        return ["role": "assistant", "content": content, "refusal": .null]
    }

    /// One frame a token.
    private func tokenFrames(_ index: Int, _ completion: Completion) -> [StreamAnswer.Frame] {
        guard completion.toolCalls.isEmpty else {
            return toolDeltas(completion).map { frame(choice(index, $0), tokens: 1) }
        }
        // Frames of text differ in the text alone: the rest is written once, since long streams are common.
        let model = frame(choice(index, ["content": ""]), tokens: 1).bytes
        let gap = Self.gap(in: model)
        return completion.text.map { token in
            var bytes: [UInt8] = []
            bytes.reserveCapacity(model.count + token.utf8.count)
            bytes.append(contentsOf: model[..<gap])
            JSONWriter.writeEscaped(token, into: &bytes)
            bytes.append(contentsOf: model[gap...])
            return .init(bytes: bytes, tokens: 1)
        }
    }

    /// Where the text of a frame with empty content goes. The key cannot appear earlier: inside a string its quotes
    /// would be escaped.
    private static func gap(in frame: [UInt8]) -> Int {
        let key = Array(#""content":""#.utf8)
        let start = (0...(frame.count - key.count)).first { offset in
            key.indices.allSatisfy { frame[offset + $0] == key[$0] }
        }
        precondition(start != nil, "a frame of \(frame.count) bytes has no content")
        return (start ?? 0) + key.count
    }

    private func toolDeltas(_ completion: Completion) -> [JSONValue] {
        completion.toolCalls.enumerated().flatMap { index, call -> [JSONValue] in
            let head: JSONValue = [
                "index": .int(index), "id": .string(call.id), "type": "function",
                "function": ["name": .string(call.name), "arguments": ""],
            ]
            let rest = call.arguments.map { part -> JSONValue in
                ["index": .int(index), "function": ["arguments": .string(part)]]
            }
            return ([head] + rest).map { ["tool_calls": [$0]] }
        }
    }

    private func choice(_ index: Int, _ delta: JSONValue, _ finish: FinishReason? = nil) -> JSONValue {
        [
            "index": .int(index), "delta": delta, "logprobs": .null, "finish_reason": .optional(finish?.rawValue),
        ]
    }

    /// One chunk; without a choice it is the usage chunk. When usage was asked for, every other chunk has a null one.
    private func frame(_ choice: JSONValue?, usage: JSONValue = .null, tokens: Int) -> StreamAnswer.Frame {
        var chunk: JSONObject = [
            "id": .string("chatcmpl-" + context.idDigits), "object": "chat.completion.chunk",
            "created": .int(context.created), "model": .string(context.model), "service_tier": "default",
            "system_fingerprint": "fp_standin", "choices": .array(choice.map { [$0] } ?? []),
        ]
        if request.includesUsage { chunk.members.append(.init(name: "usage", value: usage)) }
        return .init(bytes: SSEWriter.event(.object(chunk)), tokens: tokens)
    }
}
