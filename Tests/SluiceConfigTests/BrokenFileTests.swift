import Foundation
import Testing

@testable import SluiceConfig

/// Every file in `broken/` with the exact text that it must produce beside it.
@Suite("Broken files")
struct BrokenFileTests {
    static let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "broken")

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        return files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()
    }()

    @Test("the collection is there")
    func collection() {
        #expect(Self.names.count >= 80)
    }

    @Test("message, place and suggestion", arguments: names)
    func message(_ name: String) throws {
        let text = try Data(contentsOf: Self.directory.appending(path: name + ".yaml"))
        let expected = try String(contentsOf: Self.directory.appending(path: name + ".expected"), encoding: .utf8)
        let error = #expect(throws: InvalidConfiguration.self) {
            try ConfigurationLoader.parse(Array(text), file: "sluice.yaml")
        }
        #expect(error.map { $0.description + "\n" } == expected)
        #expect(error?.description.contains("sk-a") == false)
    }
}
