import Foundation
import Testing

@testable import SluiceConfig

@Suite("Keys")
struct KeyLoaderTests {
    private static let secret = "sk-test-0123456789"

    @Test("a key comes from a credential, a file or a variable")
    func sources() throws {
        try withDirectory { directory in
            try write("\(directory)/openai", Self.secret + "\n", mode: 0o440)
            try write("\(directory)/file", Self.secret, mode: 0o600)
            let loader = KeyLoader(credentialsDirectory: directory, environment: ["KEY": Self.secret])
            for source in ["credential: openai", "file: \(directory)/file", "env: KEY"] {
                #expect(try loader.load(key(source)).use { $0 } == Self.secret)
            }
        }
    }

    @Test("a key never shows itself")
    func redaction() throws {
        let key = APIKey(Self.secret)
        var dumped = ""
        dump(["key": key], to: &dumped)
        for text in ["\(key)", String(reflecting: key), "\([key])", dumped, "\(Optional(key) as Any)"] {
            #expect(!text.contains("sk-"))
            #expect(text.contains("APIKey(redacted)"))
        }
        #expect(key == APIKey(Self.secret))
        #expect(key != APIKey(Self.secret + "x"))
        #expect(key != APIKey("sk-test-0123456780"))
    }

    @Test("a file that others may use is refused", arguments: [0o640, 0o604, 0o620, 0o601] as [mode_t])
    func shared(_ mode: mode_t) throws {
        try withDirectory { directory in
            let path = "\(directory)/key"
            try write(path, Self.secret, mode: mode)
            #expect(
                problem("file: \(path)")
                    == "key \"main\": \(path): others than its owner may use it (mode \(String(mode, radix: 8)));"
                    + " chmod 600 \(path), and replace the key if others could have read it")
        }
    }

    @Test(
        "what is not a key is refused",
        arguments: [
            ("", "is empty"), ("\n", "is empty"),
            ("sk-a\nsk-b\n", "holds a blank, a line break or another character that no key has, at byte 5"),
            ("sk-a\r\n", "holds a blank, a line break or another character that no key has, at byte 5"),
            ("sk-a\n\n", "holds a blank, a line break or another character that no key has, at byte 5"),
            ("sk-\u{E9}", "holds a blank, a line break or another character that no key has, at byte 4"),
            ("key = x", "holds a blank, a line break or another character that no key has, at byte 4"),
        ])
    func content(_ text: String, _ message: String) throws {
        try withDirectory { directory in
            let path = "\(directory)/key"
            try write(path, text, mode: 0o600)
            let found = try #require(problem("file: \(path)"))
            #expect(found.hasPrefix("key \"main\": \(path): \(message); "))
            #expect(!found.contains("sk-"))
        }
    }

    @Test("a file of 8 KiB is read, a larger one is not")
    func size() throws {
        try withDirectory { directory in
            let path = "\(directory)/key"
            try write(path, String(repeating: "k", count: 8192), mode: 0o600)
            #expect(problem("file: \(path)") == nil)
            try write(path, String(repeating: "k", count: 8193), mode: 0o600)
            #expect(problem("file: \(path)")?.contains("\(path): is larger than 8KiB; ") == true)
        }
    }

    @Test("a directory, a pipe, a missing file, a missing variable and a missing credential have their messages")
    func missing() throws {
        try withDirectory { directory in
            #expect(problem("file: \(directory)")?.contains("\(directory): is not a regular file; ") == true)
            #expect(mkfifo("\(directory)/pipe", 0o600) == 0)
            #expect(problem("file: \(directory)/pipe")?.contains("/pipe: is not a regular file; ") == true)
            #expect(
                problem("file: \(directory)/none")?.contains("/none: cannot be opened: No such file or directory; ")
                    == true)
            #expect(problem("env: NONE") == "key \"main\": $NONE: is not set; set it in the agent's environment")
            #expect(
                problem("credential: openai")
                    == "key \"main\": credential openai: $CREDENTIALS_DIRECTORY is not set;"
                    + " add LoadCredential=openai:/path to the unit, or use file or env")
        }
    }

    @Test("keys that can be read are given beside the problems of the others")
    func several() throws {
        let loader = KeyLoader(credentialsDirectory: nil, environment: ["A": "sk-a"])
        let (keys, problems) = loader.load([try key("env: B"), try key("env: A")])
        #expect(keys.map(\.key) == [APIKey("sk-a")])
        #expect(problems.map(\.source) == ["$B"])
    }

    private func problem(_ source: String) -> String? {
        do {
            _ = try KeyLoader(credentialsDirectory: nil, environment: [:]).load(key(source))
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func key(_ source: String) throws -> KeySource {
        let text = "upstreams:\n  - {name: u, base_url: \"https://x/v1\", keys: [{name: main, \(source)}]}\n"
        return try #require(try parse(text).upstreams.first?.keys.first)
    }

    private func write(_ path: String, _ text: String, mode: mode_t) throws {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        #expect(chmod(path, mode) == 0)
    }
}

/// A directory that is gone afterwards.
func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "sluice-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory)
}
