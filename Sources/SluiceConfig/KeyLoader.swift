/// Reads the keys that a configuration names, from where it says they are.
package struct KeyLoader: Sendable {
    /// Larger files are not keys.
    package static let maximumFileSize = 8 << 10

    /// A key that could not be read. Names the place and the cure, never any content.
    package struct Problem: Error, Equatable, Sendable, CustomStringConvertible {
        /// The key's name in the configuration.
        package let key: String
        /// The file or the variable.
        package let source: String
        /// What is wrong.
        package let message: String
        /// What to do about it.
        package let suggestion: String

        /// One line: `key "main": source: message; suggestion`.
        package var description: String {
            "key \(quoted(key)): \(source): \(message); \(suggestion)"
        }
    }

    private let credentialsDirectory: String?
    private let environment: [String: String]

    /// Creates a loader.
    ///
    /// - Parameters:
    ///   - credentialsDirectory: the value of `$CREDENTIALS_DIRECTORY`; nil outside a unit with credentials.
    ///   - environment: the process's variables.
    package init(credentialsDirectory: String?, environment: [String: String]) {
        self.credentialsDirectory = credentialsDirectory
        self.environment = environment
    }

    /// Reads one key.
    package func load(_ source: KeySource) throws(Problem) -> APIKey {
        switch source.location {
        case .credential(let name): try loadCredential(name, source.name)
        case .file(let path): try loadFile(path, source.name, mayBeShared: false)
        case .environment(let name): try loadVariable(name, source.name)
        }
    }

    /// Reads all keys of an upstream, in order, with every problem: an agent can work with those that could be read.
    package func load(_ sources: [KeySource]) -> (keys: [(name: String, key: APIKey)], problems: [Problem]) {
        var keys: [(name: String, key: APIKey)] = []
        var problems: [Problem] = []
        for source in sources {
            do {
                keys.append((source.name, try load(source)))
            } catch {
                problems.append(error)
            }
        }
        return (keys, problems)
    }

    private func loadCredential(_ name: String, _ key: String) throws(Problem) -> APIKey {
        guard let credentialsDirectory else {
            throw Problem(
                key: key, source: "credential \(name)", message: "$CREDENTIALS_DIRECTORY is not set",
                suggestion: "add LoadCredential=\(name):/path to the unit, or use file or env")
        }
        // systemd owns this directory and decides who can enter it; modes inside it say nothing about who can read.
        return try loadFile("\(credentialsDirectory)/\(name)", key, mayBeShared: true)
    }

    private func loadFile(_ path: String, _ key: String, mayBeShared: Bool) throws(Problem) -> APIKey {
        let contents: RegularFile.Contents
        do {
            contents = try RegularFile.read(path, maximum: Self.maximumFileSize)
        } catch {
            throw Problem(
                key: key, source: path, message: error.description,
                suggestion:
                    "it must be a file of at most \(SizeFormat.write(Self.maximumFileSize)) that holds the key alone"
            )
        }
        if !mayBeShared, contents.mode & 0o077 != 0 {
            throw Problem(
                key: key, source: path,
                message: "others than its owner may use it (mode \(String(contents.mode & 0o777, radix: 8)))",
                suggestion: "chmod 600 \(path), and replace the key if others could have read it")
        }
        var bytes = contents.bytes[...]
        if bytes.last == UInt8(ascii: "\n") { bytes = bytes.dropLast() }
        return try check(bytes, key, path)
    }

    private func loadVariable(_ name: String, _ key: String) throws(Problem) -> APIKey {
        guard let value = environment[name] else {
            throw Problem(
                key: key, source: "$\(name)", message: "is not set", suggestion: "set it in the agent's environment")
        }
        return try check(Array(value.utf8)[...], key, "$\(name)")
    }

    /// A key goes into a header line: printable ASCII without blanks, or it could end the line and start another.
    private func check(_ bytes: ArraySlice<UInt8>, _ key: String, _ source: String) throws(Problem) -> APIKey {
        guard !bytes.isEmpty else {
            throw Problem(key: key, source: source, message: "is empty", suggestion: "put the key there")
        }
        guard bytes.count <= Self.maximumFileSize else {
            throw Problem(key: key, source: source, message: "is too long", suggestion: "put the key alone there")
        }
        guard let bad = bytes.firstIndex(where: { !(0x21...0x7E).contains($0) }) else {
            return APIKey(String(decoding: bytes, as: UTF8.self))
        }
        throw Problem(
            key: key, source: source,
            message:
                "holds a blank, a line break or another character that no key has,"
                + " at byte \(bad - bytes.startIndex + 1)",
            suggestion: "put the key alone on one line")
    }
}
