import SluiceOpenAI
import SluiceUpstream
import SluiceWire

final class AgentMetrics {
    static func take() -> AgentMetrics { AgentMetrics() }
    func received(bytes: Int) {}
    func sent(bytes: Int) {}
    func rejected(_ code: ErrorCode) {}
    func connectionOpened() {}
    func connectionClosed() {}
    func connectionRefused(_ limit: String) {}
    func refused(endpoint: Endpoint, lane: Lane, _ code: ErrorCode) {}
    func callStarted(_ pool: PoolRuntime) {}
    func waited(_ pool: PoolRuntime, _ lane: Lane, microseconds: Int64) {}
    func exchange(_ pool: PoolRuntime, _ end: UpstreamEnd) {}
    func attempt(_ pool: PoolRuntime, _ label: String, rateLimited: Bool, microseconds: Int64) {}
    func retried(_ pool: PoolRuntime, _ code: ErrorCode) {}
    func callEnded(_ call: CallContext, _ end: CallEnd, microseconds: Int64) {}
    func firstChunk(_ pool: PoolRuntime, microseconds: Int64) {}
    func reloaded(success: Bool) {}
}
extension Coordinator { func exposition() -> String { "" } }
