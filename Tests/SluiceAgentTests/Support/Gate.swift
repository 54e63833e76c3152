import Foundation

/// Holds threads until it is opened; it stays open.
final class Gate: Sendable {
    private let condition = NSCondition()
    private nonisolated(unsafe) var isOpen = false

    func open() {
        condition.withLock {
            isOpen = true
            condition.broadcast()
        }
    }

    func pass() {
        condition.withLock {
            while !isOpen { condition.wait() }
        }
    }
}
