import Foundation
import Testing

@Suite("The protocol's own vectors", .timeLimit(.minutes(3)))
struct ConformanceTests {
    @Test("Every vector passes against the built agent", .enabled(if: Binary.find("python3") != nil))
    func vectors() async throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let runner = root.appending(path: "protocol/vectors/run.py").path
        let process = try Spawned(
            try #require(Binary.find("python3")), [runner, "--sluice", Binary.sluice],
            environment: ["PYTHONDONTWRITEBYTECODE": "1"])
        let code = await process.exitCode()
        #expect(code == 0 && process.output.contains("0 failed"), "\(process.output.suffix(2000))")
    }
}
