/// Builds frames, one after the other, in one growing buffer: a batch of events leaves in a single write.
package struct FrameWriter: Sendable {
    /// Whole frames, prefix included.
    package private(set) var bytes: [UInt8] = []
    private var frameStart = 0

    package init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    /// Forgets what was written and keeps the storage, unless a large frame made it grow past `keep` bytes.
    package mutating func reset(keep: Int = 256 * 1024) {
        bytes.removeAll(keepingCapacity: bytes.capacity <= keep)
    }

    /// Starts a frame whose first member is known: `{"id":…,"event":"…"`, or only the event.
    package mutating func begin(_ event: StaticString, id: String? = nil, reserve: Int = 256) {
        frameStart = bytes.count
        let needed = frameStart + reserve
        // Reserving exactly what one frame needs would copy the whole batch for every frame.
        if needed > bytes.capacity { bytes.reserveCapacity(max(needed, 2 * bytes.capacity)) }
        raw("\0\0\0\0{")
        if let id {
            raw("\"id\":")
            string(id)
            raw(",")
        }
        raw("\"event\":\"")
        raw(event)
        raw("\"")
    }

    /// Closes the frame and writes its length.
    package mutating func end() {
        raw("}")
        let length = bytes.count - frameStart - WireLimits.headerSize
        precondition(length <= WireLimits.frameSizeCeiling, "frame of \(length) bytes is over the ceiling")
        withUnsafeBytes(of: UInt32(length).bigEndian) { prefix in
            for index in 0..<WireLimits.headerSize { bytes[frameStart + index] = prefix[index] }
        }
    }

    package mutating func member(_ key: StaticString, _ value: String) {
        self.key(key)
        string(value)
    }

    package mutating func member(_ key: StaticString, _ value: Int) {
        self.key(key)
        integer(value)
    }

    package mutating func member(_ key: StaticString, _ value: Bool) {
        self.key(key)
        raw(value ? "true" : "false")
    }

    package mutating func member(_ key: StaticString, ifPresent value: Int?) {
        if let value { member(key, value) }
    }

    package mutating func member(_ key: StaticString, ifPresent value: String?) {
        if let value { member(key, value) }
    }

    /// Splices validated JSON in as the value of `key`.
    package mutating func member(_ key: StaticString, json: UnsafeRawBufferPointer) {
        self.key(key)
        bytes.append(contentsOf: json)
    }

    package mutating func key(_ key: StaticString) {
        raw(",\"")
        raw(key)
        raw("\":")
    }

    package mutating func raw(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package mutating func integer(_ value: Int) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var magnitude = value.magnitude
        let first = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(magnitude % 10))
            magnitude /= 10
        } while magnitude > 0
        bytes[first...].reverse()
    }

    package mutating func string(_ value: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20:
                raw("\\u00")
                bytes.append(Self.hexDigit(byte >> 4))
                bytes.append(Self.hexDigit(byte & 15))
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
