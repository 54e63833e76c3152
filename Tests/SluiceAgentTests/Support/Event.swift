import Foundation

/// One frame from the agent, or any other JSON object: read by paths such as `error.code`.
struct Event: Sendable, CustomStringConvertible {
    let payload: [UInt8]

    var text: String { String(decoding: payload, as: UTF8.self) }
    var description: String { String(text.prefix(400)) }
    var kind: String { string("event") ?? "" }
    var id: String? { string("id") }
    var code: String? { string("code") }
    /// A call's last word.
    var isTerminal: Bool { id != nil && (kind == "result" || kind == "error") }

    func string(_ path: String) -> String? { value(path) as? String }
    func int(_ path: String) -> Int? { (value(path) as? NSNumber)?.intValue }
    func bool(_ path: String) -> Bool? { (value(path) as? NSNumber)?.boolValue }
    func count(_ path: String) -> Int? { (value(path) as? [Any])?.count }
    func has(_ path: String) -> Bool { value(path) != nil }

    private func value(_ path: String) -> Any? {
        var value = try? JSONSerialization.jsonObject(with: Data(payload))
        for part in path.split(separator: ".") {
            if let index = Int(part) {
                guard let list = value as? [Any], list.indices.contains(index) else { return nil }
                value = list[index]
            } else {
                value = (value as? [String: Any])?[String(part)]
            }
        }
        return value
    }
}
