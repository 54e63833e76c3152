import ArgumentParser
import Foundation
import SluiceConfig

/// `sluice config`
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check, show and compare configuration files.",
        subcommands: [Check.self, Show.self, Diff.self])

    /// `sluice config check`
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell every problem of a file, with line and cure; exit 2 when there is one.")

        @Argument(help: "The configuration file.")
        var file: String

        @Flag(help: "Also try to read every key, as the agent will (run it as the agent's user).")
        var keys = false

        @Flag(help: "As JSON.")
        var json = false

        func run() throws {
            var lines: [String] = []
            do {
                let configuration = try ConfigFile.load(file)
                if keys { lines = keyProblems(configuration) }
            } catch {
                lines = error.problems.map { "\($0)" }
            }
            if json {
                try ConfigFile.printJSON(lines)
            } else {
                for line in lines { Terminal.complain(line) }
                print(lines.isEmpty ? "\(file): no problems" : "\(file): \(lines.count) problem(s)")
            }
            if !lines.isEmpty { throw ExitCode(2) }
        }

        private func keyProblems(_ configuration: Configuration) -> [String] {
            let environment = ProcessInfo.processInfo.environment
            let loader = KeyLoader(
                credentialsDirectory: environment["CREDENTIALS_DIRECTORY"], environment: environment)
            return configuration.upstreams.flatMap { loader.load($0.keys).problems.map { "\($0)" } }
        }
    }

    /// `sluice config show`
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the effective configuration, defaults filled in; keys never appear.")

        @Argument(help: "The configuration file.")
        var file: String?

        @Flag(help: "Every setting with its default, range and meaning.")
        var defaults = false

        @Flag(help: "As JSON.")
        var json = false

        func validate() throws {
            if (file == nil) != defaults { throw ValidationError("Name a file, or say --defaults.") }
        }

        func run() throws {
            do {
                let configuration = try file.map(ConfigFile.load) ?? ConfigFile.defaults()
                print(json ? configuration.json() : configuration.yaml(), terminator: "")
            } catch let error as InvalidConfiguration {
                Terminal.complain("\(error)")
                throw ExitCode(2)
            }
        }
    }

    /// `sluice config diff`
    struct Diff: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what a reload from one file to another would change, and what needs a restart.")

        @Argument(help: "The file in force.")
        var old: String

        @Argument(help: "The file to come.")
        var new: String

        @Flag(help: "As JSON.")
        var json = false

        func run() throws {
            do {
                let changes = try ConfigFile.load(new).changes(from: ConfigFile.load(old)).map { "\($0)" }
                if json { return try ConfigFile.printJSON(changes) }
                print(changes.isEmpty ? "no change" : changes.joined(separator: "\n"))
            } catch let error as InvalidConfiguration {
                Terminal.complain("\(error)")
                throw ExitCode(2)
            }
        }
    }
}

/// Files as the commands read them.
enum ConfigFile {
    static func load(_ path: String) throws(InvalidConfiguration) -> Configuration {
        try ConfigurationLoader.load(path: path, environment: ProcessInfo.processInfo.environment)
    }

    static func defaults() throws(InvalidConfiguration) -> Configuration {
        try ConfigurationLoader.parse([], file: "defaults", environment: [:])
    }

    static func printJSON(_ lines: [String]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .prettyPrinted]
        print(String(decoding: try encoder.encode(lines), as: UTF8.self))
    }
}
