// swift-tools-version: 6.2
import PackageDescription

/// House rules for every Swift target: language mode 6 with the stricter import and existential rules,
/// and no warning survives a build.
let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

func floor(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: house)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: house)
}

let package = Package(
    name: "sluice",
    products: [
        .executable(name: "sluice", targets: ["sluice"]),
        .library(name: "SluiceClient", targets: ["SluiceClient"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // Floor 0: C, as thin as it gets.
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
        .target(name: "CBench"),
        .target(name: "CSystemd", linkerSettings: [.linkedLibrary("systemd")]),
        // Floor 1: bytes and vocabularies.
        floor("SluiceWire"),
        floor("SluiceOpenAI", ["SluiceWire"]),
        // Floor 2: the brain, pure.
        floor("SluicePolicy"),
        // Floor 3: the outside world, one door each.
        floor("SluiceUpstream", ["CCurl"]),
        floor("SluiceHost", ["CSystemd"]),
        floor("SluiceTelemetry", [logging]),
        floor("SluiceConfig", [.product(name: "Yams", package: "Yams")]),
        // Floor 4: whole parts.
        floor(
            "SluiceAgent",
            [
                "SluiceWire", "SluiceOpenAI", "SluicePolicy", "SluiceUpstream", "SluiceHost", "SluiceTelemetry",
                "SluiceConfig", nioCore, nioPosix, nioHTTP1, logging,
            ]),
        floor("SluiceClient", ["SluiceWire", nioCore, nioPosix]),
        floor("SluiceProvider", [nioCore, nioPosix, nioHTTP1]),
        .target(
            name: "SluiceSimulation", dependencies: ["SluiceWire", "SluicePolicy", "SluiceConfig"],
            exclude: ["SCENARIOS.md", "Scenarios", "refresh-scenarios"], swiftSettings: house),
        floor(
            "SluiceBench",
            ["CBench", "SluiceWire", "SluicePolicy", .product(name: "Histogram", package: "hdrhistogram-swift")]),
        // Floor 5: the command line.
        .executableTarget(
            name: "sluice",
            dependencies: [
                "SluiceAgent", "SluiceClient", "SluiceProvider", "SluiceBench", "SluiceSimulation", "SluiceConfig",
                "SluiceTelemetry", "SluiceWire", logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: house),
        // Tests: one target for each floor's part, and a fuzzer that is a tool, not a product.
        tests("SluiceWireTests", ["SluiceWire"]),
        tests("SluiceOpenAITests", ["SluiceOpenAI", "SluiceWire"]),
        tests("SluiceUpstreamTests", ["SluiceUpstream"]),
        tests("SluiceHostTests", ["SluiceHost"]),
        tests("SluiceTelemetryTests", ["SluiceTelemetry", logging]),
        tests("SluiceConfigTests", ["SluiceConfig", .product(name: "Yams", package: "Yams")], exclude: ["broken"]),
        tests("SluiceClientTests", ["SluiceClient", "SluiceWire", nioCore, nioPosix]),
        tests("SluiceProviderTests", ["SluiceProvider", nioCore, nioPosix, nioHTTP1]),
        tests("SluicePolicyTests", ["SluicePolicy"]),
        tests("SluiceSimulationTests", ["SluiceSimulation", "SluicePolicy", "SluiceConfig"]),
        tests(
            "SluiceBenchTests",
            ["SluiceBench", "SluiceWire", .product(name: "Histogram", package: "hdrhistogram-swift")]),
        tests(
            "SluiceAgentTests",
            [
                "sluice", "SluiceAgent", "SluiceConfig", "SluiceOpenAI", "SluicePolicy", "SluiceProvider", "SluiceWire",
                nioCore, nioPosix, nioHTTP1, logging,
            ]),
        tests("SluiceTidyTests", ["SluiceConfig", "SluiceTelemetry", "SluiceWire"]),
        .executableTarget(
            name: "sluice-fuzz", dependencies: ["SluiceWire", "SluiceOpenAI", "SluiceConfig"], path: "Tests/Fuzz",
            exclude: ["README.md", "build-libfuzzer"], swiftSettings: house),
    ],
    swiftLanguageModes: [.v6]
)
