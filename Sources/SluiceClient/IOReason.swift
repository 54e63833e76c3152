#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// What an errno means for somebody who wanted to reach the agent.
enum IOReason {
    static func text(_ code: CInt) -> String {
        switch code {
        case ENOENT: "no such socket"
        case ECONNREFUSED: "nobody listens there"
        case EACCES: "permission denied; is this user in the socket's group?"
        default: String(cString: strerror(code))
        }
    }
}
