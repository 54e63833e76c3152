/// Writes the answers of `POST /v1/responses`, plain and as typed events.
struct ResponsesReply {
    /// The caller's own body, whose settings a response repeats.
    let body: JSONObject
    let request: GenerationRequest
    let context: CallContext

    func answer() -> Answer {
        let (completions, usage) = context.compose(request)
        let completion = completions[0]
        guard request.isStreamed else {
            let output = items(completion, status: itemStatus(completion))
            return .plain(.object(finished(completion, output, usage)), outputTokens: usage.output)
        }
        return .stream(stream(completion, usage))
    }

    private func itemStatus(_ completion: Completion) -> String {
        completion.finish == .length ? "incomplete" : "completed"
    }

    /// The final object: completed, or incomplete when the token limit cut the output.
    private func finished(_ completion: Completion, _ output: [JSONValue], _ usage: TokenUsage) -> JSONObject {
        var response = skeleton(status: itemStatus(completion), output: output)
        response["usage"] = usage.responsesObject
        if completion.finish == .length {
            response["incomplete_details"] = ["reason": "max_output_tokens"]
        } else {
            response["completed_at"] = .int(context.created)
        }
        return response
    }

    /// A response object with the caller's settings repeated, defaults where there are none.
    private func skeleton(status: String, output: [JSONValue]) -> JSONObject {
        [
            "id": .string("resp_" + context.idDigits), "object": "response", "created_at": .int(context.created),
            "status": .string(status), "background": false, "error": .null, "incomplete_details": .null,
            "instructions": body["instructions"] ?? .null, "max_output_tokens": body["max_output_tokens"] ?? .null,
            "max_tool_calls": .null, "model": .string(context.model), "output": .array(output),
            "parallel_tool_calls": .bool(request.allowsParallelCalls),
            "previous_response_id": body["previous_response_id"] ?? .null,
            "reasoning": body.present("reasoning") ?? ["effort": .null, "summary": .null],
            "service_tier": "default", "store": body.present("store") ?? true,
            "temperature": body.present("temperature") ?? 1, "text": text, "tool_choice": toolChoice,
            "tools": tools, "top_logprobs": 0, "top_p": body.present("top_p") ?? 1,
            "truncation": body.present("truncation") ?? "disabled", "metadata": body.present("metadata") ?? [:],
        ]
    }

    private var text: JSONValue {
        var text = body.present("text")?.objectValue ?? [:]
        if text.present("format") == nil { text["format"] = ["type": "text"] }
        return .object(text)
    }

    private var toolChoice: JSONValue { body.present("tool_choice") ?? "auto" }

    private var tools: JSONValue {
        let offered = body.present("tools")?.arrayValue ?? []
        return .array(
            offered.map { tool in
                guard var object = tool.objectValue, object["type"] == "function" else { return tool }
                if object["strict"] == nil { object["strict"] = true }
                if object["parameters"] == nil { object["parameters"] = .some(.null) }
                return .object(object)
            })
    }
}

// MARK: Output items

extension ResponsesReply {
    private func items(_ completion: Completion, status: String) -> [JSONValue] {
        guard !completion.toolCalls.isEmpty else {
            return [message([part(completion.text.joined())], status: status)]
        }
        return completion.toolCalls.enumerated().map { index, call in
            functionCall(index, call, arguments: call.arguments.joined(), status: status)
        }
    }

    private var messageID: String { "msg_" + context.idDigits }

    private func message(_ content: [JSONValue], status: String) -> JSONValue {
        [
            "id": .string(messageID), "type": "message", "status": .string(status), "role": "assistant",
            "content": .array(content),
        ]
    }

    private func part(_ text: String) -> JSONValue {
        ["type": "output_text", "text": .string(text), "annotations": [], "logprobs": []]
    }

    private func functionCallID(_ index: Int) -> String { "fc_\(context.idDigits)\(index)" }

    private func functionCall(_ index: Int, _ call: ToolCall, arguments: String, status: String) -> JSONValue {
        [
            "id": .string(functionCallID(index)), "type": "function_call", "status": .string(status),
            "call_id": .string(call.id), "name": .string(call.name), "arguments": .string(arguments),
        ]
    }
}

// MARK: Streamed

extension ResponsesReply {
    /// Collects events and numbers them.
    private struct Events {
        var frames: [StreamAnswer.Frame] = []

        mutating func add(_ type: String, tokens: Int = 0, _ members: JSONObject) {
            var data: JSONObject = ["type": .string(type), "sequence_number": .int(frames.count)]
            data.members += members.members
            frames.append(.init(bytes: SSEWriter.event(.object(data), name: type), tokens: tokens))
        }
    }

    private func stream(_ completion: Completion, _ usage: TokenUsage) -> StreamAnswer {
        var events = Events()
        let started = JSONValue.object(skeleton(status: "in_progress", output: []))
        events.add("response.created", ["response": started])
        events.add("response.in_progress", ["response": started])
        if completion.toolCalls.isEmpty {
            addMessage(completion, to: &events)
        } else {
            for (index, call) in completion.toolCalls.enumerated() {
                add(call, index, status: itemStatus(completion), to: &events)
            }
        }
        let final = finished(completion, items(completion, status: itemStatus(completion)), usage)
        events.add("response.\(itemStatus(completion))", ["response": .object(final)])
        return StreamAnswer(
            frames: events.frames, style: .responses(failed: skeleton(status: "failed", output: [])))
    }

    private func addMessage(_ completion: Completion, to events: inout Events) {
        let text = completion.text.joined()
        let status = itemStatus(completion)
        let place: JSONObject = ["item_id": .string(messageID), "output_index": 0, "content_index": 0]
        events.add("response.output_item.added", ["output_index": 0, "item": message([], status: "in_progress")])
        events.add("response.content_part.added", place.with("part", part("")))
        for token in completion.text {
            events.add(
                "response.output_text.delta", tokens: 1, place.with("delta", .string(token)).with("logprobs", []))
        }
        events.add("response.output_text.done", place.with("text", .string(text)).with("logprobs", []))
        events.add("response.content_part.done", place.with("part", part(text)))
        events.add(
            "response.output_item.done", ["output_index": 0, "item": message([part(text)], status: status)])
    }

    private func add(_ call: ToolCall, _ index: Int, status: String, to events: inout Events) {
        let place: JSONObject = ["item_id": .string(functionCallID(index)), "output_index": .int(index)]
        let opened = functionCall(index, call, arguments: "", status: "in_progress")
        events.add("response.output_item.added", ["output_index": .int(index), "item": opened])
        for part in call.arguments {
            events.add("response.function_call_arguments.delta", tokens: 1, place.with("delta", .string(part)))
        }
        let arguments = call.arguments.joined()
        events.add(
            "response.function_call_arguments.done",
            place.with("name", .string(call.name)).with("arguments", .string(arguments)))
        let done = functionCall(index, call, arguments: arguments, status: status)
        events.add("response.output_item.done", ["output_index": .int(index), "item": done])
    }
}

extension JSONObject {
    /// A copy with one more member.
    func with(_ name: String, _ value: JSONValue) -> JSONObject {
        JSONObject(members: members + [Member(name: name, value: value)])
    }
}
