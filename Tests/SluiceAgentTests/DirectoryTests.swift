import SluiceConfig
import SluicePolicy
import Testing

@testable import SluiceAgent

@Suite("Names that callers make up")
struct DirectoryTests {
    private func configuration(_ yaml: String) throws -> Configuration {
        try ConfigurationLoader.parse(Array(yaml.utf8), file: "test.yaml", environment: ["OPENAI_API_KEY": "sk-test"])
    }

    @Test("However many tenants are named, no more than limits.tenants have a number of their own")
    func tenants() throws {
        let configuration = try configuration("limits: {tenants: 3}")
        var engine = PolicyEngine()
        let now = MonotonicTime(microseconds: 0)
        var directory = TenantDirectory(configuration, engine: &engine, at: now)
        let ids = (0..<5_000).map { directory.entry("t-\($0)", engine: &engine, at: now).id }
        #expect(ids == (0..<5_000).map { directory.entry("t-\($0)", engine: &engine, at: now).id })
        #expect(Set(ids.prefix(3)).count == 3 && !ids.prefix(3).contains(.shared))
        #expect(ids.dropFirst(3).allSatisfy { $0 == .shared })
        #expect(directory.entry(nil, engine: &engine, at: now).id == .shared)
    }

    @Test("A tenant that made no call for ten minutes gives its place to a newcomer, and those in use keep theirs")
    func idleTenants() throws {
        let configuration = try configuration("limits: {tenants: 3}")
        var engine = PolicyEngine()
        let start = MonotonicTime(microseconds: 0)
        var directory = TenantDirectory(configuration, engine: &engine, at: start)
        let first = (0..<3).map { directory.entry("t-\($0)", engine: &engine, at: start).id }
        let later = start.advanced(byMicroseconds: 601_000_000)
        #expect(directory.entry("t-1", engine: &engine, at: later).id == first[1])
        let new = (0..<3).map { directory.entry("n-\($0)", engine: &engine, at: later).id }
        #expect(Set(new.prefix(2)) == [first[0], first[2]] && new[2] == .shared)
        #expect(directory.entry("t-1", engine: &engine, at: later).id == first[1])
    }

    @Test("However many features are named, no more than limits.features have a number of their own")
    func features() throws {
        let configuration = try configuration("limits: {features: 2}")
        var engine = PolicyEngine()
        let now = MonotonicTime(microseconds: 0)
        var directory = FeatureDirectory(configuration)
        let ids = (0..<1_000).map { directory.entry("f-\($0)", engine: &engine, at: now).id }
        #expect(Set(ids.prefix(2)).count == 2 && !ids.prefix(2).contains(.none))
        #expect(ids.dropFirst(2).allSatisfy { $0 == .none })
    }
}
