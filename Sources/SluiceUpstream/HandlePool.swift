internal import CCurl

/// The prepared handles of one profile and the header lists that they share.
final class HandlePool {
    let profile: UpstreamProfile
    let getHeaders: UnsafeMutablePointer<curl_slist>?
    let postHeaders: UnsafeMutablePointer<curl_slist>?
    private var idle: [Transfer] = []
    private let idleLimit: Int
    private var isRetired = false

    init(profile: UpstreamProfile, idleLimit: Int) {
        self.profile = profile
        self.idleLimit = idleLimit
        let lines = profile.headers.map(Self.line)
        let hasType = profile.headers.contains { $0.name.lowercased() == "content-type" }
        getHeaders = Self.list(lines)
        // "Expect:" takes out the wait for 100-continue, which costs a round trip on bodies over 1 MiB.
        postHeaders = Self.list(lines + (hasType ? [] : ["Content-Type: application/json"]) + ["Expect:"])
    }

    deinit {
        curl_slist_free_all(getHeaders)
        curl_slist_free_all(postHeaders)
    }

    var idleCount: Int { idle.count }

    func take(for loop: EngineLoop) -> Transfer? {
        idle.popLast() ?? Transfer(pool: self, loop: loop)
    }

    func put(_ transfer: Transfer) {
        if !isRetired, idle.count < idleLimit { idle.append(transfer) }
    }

    /// Drops what is idle now and whatever comes back later.
    func retire() {
        isRetired = true
        idle.removeAll()
    }

    /// An empty value must be written with a semicolon, else libcurl takes the line as "send no such header".
    private static func line(_ header: UpstreamHeaderLine) -> String {
        let isBlank = header.value.utf8.allSatisfy { $0 == 0x20 || $0 == 0x09 }
        return isBlank ? "\(header.name);" : "\(header.name): \(header.value)"
    }

    private static func list(_ lines: [String]) -> UnsafeMutablePointer<curl_slist>? {
        lines.reduce(nil) { list, line in curl_slist_append(list, line) ?? list }
    }
}
