/// What a client asks for with a call, besides the id and the body.
package struct CallOperation: Sendable, Equatable {
    package var path: String
    package var tenant: String?
    package var feature: String?
    /// Nil: the feature's lane, else `normal`.
    package var lane: Lane?
    /// Milliseconds from arrival at the agent, 1 to ``WireLimits/deadlineCeilingMS``.
    package var deadlineMS: Int?
    /// Whether `queued`, `started` and `retrying` are wanted.
    package var progress: Bool

    package init(
        path: String, tenant: String? = nil, feature: String? = nil, lane: Lane? = nil, deadlineMS: Int? = nil,
        progress: Bool = false
    ) {
        self.path = path
        self.tenant = tenant
        self.feature = feature
        self.lane = lane
        self.deadlineMS = deadlineMS
        self.progress = progress
    }
}

/// Client → agent frames, each as one whole frame with its prefix.
package enum ClientOperation {
    /// The first frame of a connection. `client` is a name and a version, at most ``WireLimits/clientNameSize`` bytes.
    package static func hello(client: String) -> [UInt8] {
        frame("{\"op\":\"hello\"") { writer in
            writer.member("proto", WireLimits.proto)
            writer.member("client", client)
        }
    }

    /// One call; without a body it is a GET.
    ///
    /// - Parameter body: an object that was validated as JSON: it is spliced in as it stands.
    package static func call(id: String, _ call: CallOperation, body: [UInt8]?) -> [UInt8] {
        frame("{\"op\":\"call\"", reserve: (body?.count ?? 0) + 512) { writer in
            writer.member("id", id)
            writer.member("path", call.path)
            writer.member("tenant", ifPresent: call.tenant)
            writer.member("feature", ifPresent: call.feature)
            writer.member("lane", ifPresent: call.lane?.rawValue)
            writer.member("deadline_ms", ifPresent: call.deadlineMS)
            if !call.progress { writer.member("progress", false) }
            body?.withUnsafeBytes { writer.member("body", json: $0) }
        }
    }

    /// Asks for the end of a call; its terminal event still comes.
    package static func cancel(id: String) -> [UInt8] {
        frame("{\"op\":\"cancel\"") { $0.member("id", id) }
    }

    /// Adds stream credit: 1 to ``WireLimits/streamCreditCeiling`` bytes of chunk data.
    package static func grant(id: String, bytes: Int) -> [UInt8] {
        frame("{\"op\":\"grant\"") { writer in
            writer.member("id", id)
            writer.member("bytes", bytes)
        }
    }

    /// Asks for a `pong` with the same id.
    package static func ping(id: String) -> [UInt8] {
        frame("{\"op\":\"ping\"") { $0.member("id", id) }
    }

    /// The size is only written, not judged: the caller compares it with the agent's `max_frame`.
    private static func frame(
        _ head: StaticString, reserve: Int = 192, _ fill: (inout FrameWriter) -> Void
    ) -> [UInt8] {
        var writer = FrameWriter(capacity: reserve)
        writer.raw("\0\0\0\0")
        writer.raw(head)
        fill(&writer)
        writer.end()
        return writer.bytes
    }
}
