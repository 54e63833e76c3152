import Testing

/// Who may use whom. A target that is not listed here is itself a finding.
enum Floors {
    /// Of the targets of the house, those a target may import.
    static let allowed: [String: Set<String>] = [
        "CCurl": [], "CSystemd": [],
        "SluiceWire": [], "SluiceOpenAI": ["SluiceWire"],
        "SluicePolicy": [],
        "SluiceUpstream": ["CCurl"], "SluiceHost": ["CSystemd"], "SluiceTelemetry": [], "SluiceConfig": [],
        "SluiceAgent": [
            "SluiceWire", "SluiceOpenAI", "SluicePolicy", "SluiceUpstream", "SluiceHost", "SluiceTelemetry",
            "SluiceConfig",
        ],
        "SluiceClient": ["SluiceWire"], "SluiceProvider": [],
        "SluiceBench": ["SluiceWire", "SluicePolicy"],
        "SluiceSimulation": ["SluiceWire", "SluicePolicy", "SluiceConfig"],
        "sluice": [
            "SluiceAgent", "SluiceClient", "SluiceProvider", "SluiceBench", "SluiceSimulation", "SluiceConfig",
            "SluiceTelemetry",
        ],
        "sluice-fuzz": ["SluiceWire", "SluiceOpenAI", "SluiceConfig", "SluiceProvider", "SluicePolicy"],
    ]

    /// Of everything else, what a target may import.
    static let foreign: [String: Set<String>] = [
        "SluiceWire": [], "SluiceOpenAI": [], "SluicePolicy": [],
        "SluiceUpstream": ["Glibc", "Synchronization"],
        "SluiceHost": ["Glibc", "Synchronization"],
        "SluiceTelemetry": ["Glibc", "Synchronization", "Logging"],
        "SluiceConfig": ["Glibc", "Yams"],
        "SluiceAgent": [
            "Glibc", "Dispatch", "Synchronization", "FoundationEssentials", "Logging", "NIOCore", "NIOPosix",
            "NIOHTTP1",
        ],
        // The client may be built elsewhere too, so it asks for whichever C library there is.
        "SluiceClient": [
            "Glibc", "Musl", "Darwin", "Synchronization", "FoundationEssentials", "NIOCore", "NIOPosix",
        ],
        "SluiceProvider": ["Glibc", "Synchronization", "NIOCore", "NIOPosix", "NIOHTTP1"],
        // For logarithms and exponentials of its distributions.
        "SluiceSimulation": ["Glibc"],
        "SluiceBench": [
            "CBench", "Glibc", "Histogram",
        ],
        "sluice": [
            "Glibc", "Dispatch", "Foundation", "FoundationEssentials", "ArgumentParser", "Logging", "Synchronization",
        ],
        "sluice-fuzz": ["Glibc", "Foundation", "Synchronization"],
    ]
}

@Suite("The house: who may use whom")
struct FloorTests {
    @Test("A file imports only what stands below it", arguments: SourceTree.sources)
    func imports(_ file: SourceFile) throws {
        let own = try #require(Floors.allowed[file.target], "\(file.target) has no place in the house")
        let foreign = Floors.foreign[file.target] ?? []
        for module in Self.imported(file) {
            let isOurs = Floors.allowed[module] != nil
            #expect(
                isOurs ? own.contains(module) : foreign.contains(module),
                "\(file.path) imports \(module), which is not on or below its floor")
        }
    }

    private static func imported(_ file: SourceFile) -> [String] {
        file.code.compactMap { line in
            let match = line.wholeMatch(of: #/\s*(?:@\w+ )*(?:\w+ )?import (?:struct |class |enum |func )?(\w+).*/#)
            return match.map { String($0.1) }
        }
    }

    @Test("The core is pure: no clock, no chance, no task, no system", arguments: SourceTree.sources.filter(isCore))
    func pureCore(_ file: SourceFile) {
        let banned = [
            #/\bFoundation\b/#, #/\bNIO\w*/#, #/\bDispatch[A-Z]\w*/#, #/\bGlibc\b/#, #/\b\w*Clock\b/#, #/\bInstant\b/#,
            #/\bSystemRandomNumberGenerator\b/#, #/\.random\(/#, #/\bTask\b/#, #/\basync\b/#, #/\bawait\b/#,
            #/\bactor\b/#, #/\bMutex\b/#, #/\bprint\(/#, #/\bgetenv\b/#,
        ]
        for (number, line) in file.code.enumerated() {
            for pattern in banned {
                #expect(line.firstMatch(of: pattern) == nil, "\(file.path):\(number + 1): \(file.lines[number])")
            }
        }
    }

    /// Floors 1 and 2.
    private static func isCore(_ file: SourceFile) -> Bool {
        ["SluiceWire", "SluiceOpenAI", "SluicePolicy"].contains(file.target)
    }

    @Test(
        "The engine iterates over no hash table: their order differs between processes",
        arguments: SourceTree.sources.filter { $0.target == "SluicePolicy" })
    func noHashTables(_ file: SourceFile) {
        for (number, line) in file.code.enumerated() {
            let match = line.firstMatch(of: #/\bSet<|\bDictionary<|: \[\w+: \w+\]/#)
            #expect(match == nil, "\(file.path):\(number + 1): \(file.lines[number])")
        }
    }
}
