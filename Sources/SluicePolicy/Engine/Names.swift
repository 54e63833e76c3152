/// A lane: how urgent a call is. Lanes share a pool by ``LaneParameters/share``.
package enum PolicyLane: Int, CaseIterable, Sendable {
    /// A person is waiting.
    case interactive
    /// The default.
    case normal
    /// Work that may wait for minutes.
    case batch
    /// Work that runs when nothing else does.
    case backfill

    /// How many there are.
    package static let count = 4
}

/// A pool's name inside the core.
package struct PoolID: Hashable, Sendable {
    package let index: Int

    package init(index: Int) { self.index = index }
}

/// A group's name inside the core: the pools, one for each key, that serve the same models.
package struct GroupID: Hashable, Sendable {
    package let index: Int

    package init(index: Int) { self.index = index }
}

/// A tenant's name inside the core.
package struct TenantID: Hashable, Sendable {
    package let index: Int

    package init(index: Int) { self.index = index }

    /// Everybody who names no tenant.
    package static let shared = Self(index: 0)
}

/// A feature's name inside the core.
package struct FeatureID: Hashable, Sendable {
    package let index: Int

    package init(index: Int) { self.index = index }

    /// Calls that name no feature.
    package static let none = Self(index: 0)
}
