import Foundation

/// One frame from the agent, or any other JSON object: read by paths such as `error.code`.
struct Event: Sendable, CustomStringConvertible {
    let payload: [UInt8]
    /// Empty, and the id nil, where Foundation cannot read the frame: see ``BodyTests``.
    let kind: String
    let id: String?
    /// A call's last word.
    let isTerminal: Bool

    init(payload: [UInt8]) {
        let head = (try? JSONSerialization.jsonObject(with: Data(payload))) as? [String: Any]
        let kind = head?["event"] as? String ?? ""
        let id = head?["id"] as? String
        self.payload = payload
        self.kind = kind
        self.id = id
        isTerminal = id != nil && (kind == "result" || kind == "error")
    }

    var text: String { String(decoding: payload, as: UTF8.self) }
    var description: String { String(text.prefix(400)) }
    var code: String? { string("code") }

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
