import Testing

@testable import SluiceConfig

@Suite("Catalogue of settings")
struct CatalogueTests {
    @Test("every setting of the catalogue is read at its path", arguments: Catalogue.settings)
    func readAtItsPath(_ setting: CatalogueEntry) throws {
        // A list of lists is the wrong type for every setting.
        let text = document(setting.path, value: "[[]]")
        let error = #expect(throws: InvalidConfiguration.self) { try parse(text) }
        let path = setting.path.replacing("[]", with: "[0]")
        let paths = error?.problems.map(\.path) ?? []
        #expect(paths.contains(path) || paths.contains(path + "[0]"), "\(text)\n\(paths)")
    }

    @Test("every default is readable as the catalogue shows it", arguments: Catalogue.settings)
    func defaultIsReadable(_ setting: CatalogueEntry) throws {
        guard let value = setting.defaultValue else { return }
        let text = document(setting.path, value: value)
        do {
            _ = try parse(text)
        } catch {
            let path = setting.path.replacing("[]", with: "[0]")
            #expect(!error.problems.contains { $0.path == path }, "\(error)")
        }
    }

    @Test("rendered defaults name every setting")
    func renderedDefaults() throws {
        let text = try parse("").yaml()
        for setting in Catalogue.settings {
            let name = String(setting.path.split(separator: ".").last ?? "")
            #expect(text.contains("\(name):"), "\(setting.path)")
            #expect(text.contains(setting.summary), "\(setting.path)")
        }
    }

    @Test("paths are unique and have a summary without a full stop")
    func form() {
        let settings = Catalogue.settings
        #expect(Set(settings.map(\.path)).count == settings.count)
        #expect(settings.allSatisfy { !$0.summary.isEmpty && !$0.summary.hasSuffix(".") })
        #expect(settings.count == 133)
    }

    @Test("the reference has one row of five cells for each setting")
    func reference() {
        let rows = Catalogue.markdown().split(separator: "\n")
        #expect(rows.count == Catalogue.settings.count + 2)
        #expect(rows.allSatisfy { $0.split(separator: "|", omittingEmptySubsequences: false).count == 7 })
        #expect(
            rows.contains(
                "| `retries.base` | duration, 1ms to 1m | `200ms` | live"
                    + " | Pause before the first repetition; doubles with every further one |"))
    }

    /// A file that holds one setting, with the sections around it on one line each.
    private func document(_ path: String, value: String) -> String {
        var text = value
        for part in path.split(separator: ".").reversed() {
            text = part.hasSuffix("[]") ? "{\(part.dropLast(2)): [\(text)]}" : "{\(part): \(text)}"
        }
        return text + "\n"
    }
}
