import SluiceWire

// `#expect` and `#require` cannot take a span apart, so tests hand over arrays.
extension JSONObjectSlice {
    func value(_ key: StaticString, of bytes: [UInt8]) -> JSONValue? { value(key, in: bytes.span.bytes) }
}

extension JSONText {
    static func string(_ value: JSONValue, of bytes: [UInt8]) -> String? { string(value, in: bytes.span.bytes) }
    static func integer(_ value: JSONValue, of bytes: [UInt8]) -> Int? { integer(value, in: bytes.span.bytes) }
}

extension JSONReader {
    static func check(_ bytes: [UInt8]) throws(JSONFault) -> JSONValue { try validate(bytes.span.bytes) }
}

extension ClientFrame {
    static func parse(_ bytes: [UInt8]) throws(FrameRejection) -> ClientFrame { try read(bytes.span.bytes) }
}

extension FrameDecoder {
    func look(_ bytes: [UInt8], at offset: Int = 0) -> FrameStep { step(bytes.span.bytes, at: offset) }
}
