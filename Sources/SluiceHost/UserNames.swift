internal import Glibc
internal import Synchronization

/// Names of users by number, asked of the user database once each and kept.
///
/// Keeps at most 1,024 answers (unknown users too) and forgets the oldest beyond that. A user who is renamed keeps the
/// old label until then.
package final class UserNames: Sendable {
    /// Most answers kept.
    package static let maxEntries = 1_024

    private struct Cache {
        var names: [UInt32: String?] = [:]
        var order: [UInt32] = []
        var oldest = 0
    }

    private let cache = Mutex(Cache())

    /// An empty cache.
    package init() {}

    /// The name of `uid`, bounded as labels are; nil when there is no such user. May block the first time.
    package func name(of uid: UInt32) -> String? {
        if let known = cache.withLock({ $0.names[uid] }) { return known }
        let name = UserNames.lookUp(uid)
        cache.withLock { UserNames.remember(uid, name, in: &$0) }
        return name
    }

    /// How many answers are kept.
    var count: Int { cache.withLock { $0.names.count } }

    private static func remember(_ uid: UInt32, _ name: String?, in cache: inout Cache) {
        guard cache.names.updateValue(name, forKey: uid) == nil else { return }
        if cache.order.count < maxEntries {
            cache.order.append(uid)
            return
        }
        cache.names[cache.order[cache.oldest]] = nil
        cache.order[cache.oldest] = uid
        cache.oldest = (cache.oldest + 1) % maxEntries
    }

    private static func lookUp(_ uid: UInt32) -> String? {
        var size = 1_024
        while size <= 65_536 {
            let (name, code) = lookUp(uid, bufferSize: size)
            guard code == ERANGE else { return name }
            size *= 4
        }
        return nil
    }

    private static func lookUp(_ uid: UInt32, bufferSize: Int) -> (name: String?, code: Int32) {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: bufferSize) { buffer in
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let code = getpwuid_r(uid, &entry, buffer.baseAddress!, buffer.count, &found)
            let name = code == 0 ? found?.pointee.pw_name : nil
            return (name.map { SafeText.line(String(cString: $0)) }, code)
        }
    }
}
