internal import CSystemd
internal import Glibc

/// The one place that frees what libsystemd returns.
enum LibsystemdText {
    /// Most entries read from a list; libsystemd's own lists here are as long as the descriptors passed.
    static let maxEntries = 4_096

    /// Runs `call` with a place for a string; takes, copies, bounds and frees the string. nil when the call failed.
    static func take(_ call: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        let result = call(&text)
        defer { free(text) }
        guard result >= 0, let text else { return nil }
        return SafeText.line(String(cString: text))
    }

    /// Takes, copies and frees a NULL-terminated array of strings.
    static func takeList(_ list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> [String] {
        guard let list else { return [] }
        defer { free(list) }
        var texts: [String] = []
        var next = list
        while let text = next.pointee {
            if texts.count < maxEntries { texts.append(String(cString: text)) }
            free(text)
            next += 1
        }
        return texts
    }
}
