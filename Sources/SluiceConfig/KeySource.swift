/// One entry of `upstreams[].keys`: where a key is. The key itself never stands in the file.
package struct KeySource: Equatable, Sendable {
    /// Where to read a key.
    package enum Location: Equatable, Sendable {
        /// A systemd credential of this name, in `$CREDENTIALS_DIRECTORY`.
        case credential(String)
        /// A file that only its owner may read.
        case file(String)
        /// An environment variable.
        case environment(String)
    }

    /// Unique among the upstream's keys; appears in metrics and logs.
    package internal(set) var name = ""
    var credential: String?
    var file: String?
    var environment: String?

    init() {}

    init(name: String, environment: String) {
        self.name = name
        self.environment = environment
    }

    /// The one place that is named.
    package var location: Location {
        if let credential { return .credential(credential) }
        if let file { return .file(file) }
        return .environment(environment ?? "")
    }
}

extension KeySource: ConfigurationSection {
    static let fields: [Field<KeySource>] = [
        .value("name", \.name, .identifier, .live, isRequired: true, "Name, unique among the upstream's keys"),
        .optional("credential", \.credential, .credentialName, .live, "Name of a systemd credential"),
        .optional("file", \.file, .absolutePath, .live, "File that only its owner may read"),
        .optional("env", \.environment, .variableName, .live, "Name of an environment variable"),
    ]

    func check(_ place: SectionPlace) {
        let named = ["credential", "file", "env"].filter { place.has($0) }
        guard named.count != 1 else { return }
        let found = named.isEmpty ? "found none" : "found \(named.joined(separator: " and "))"
        place.report(Fault("expected exactly one of credential, file and env, \(found)"))
    }
}

extension ValueType<String> {
    /// The file name of a systemd credential. The text is never shown: it may be a key put in the wrong place.
    static let credentialName = text("credential name") { text in
        let isName = text.utf8.allSatisfy { isLetterOrDigit($0) || [0x2D, 0x2E, 0x5F, 0x40, 0x3A].contains($0) }
        guard isName, (1...255).contains(text.utf8.count), !text.hasPrefix("."), !text.hasPrefix("sk-") else {
            return Fault("not a credential's name", suggestion: "use the name given to LoadCredential=, not the key")
        }
        return nil
    }

    /// The name of an environment variable. The text is never shown: it may be a key put in the wrong place.
    static let variableName = text("variable name") { text in
        let isName = text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x5F }
        let startsWithDigit = text.utf8.first.map { (48...57).contains($0) } ?? true
        guard isName, !startsWithDigit, text.utf8.count <= 128 else {
            return Fault("not a variable's name", suggestion: "use the name of the variable, not the key")
        }
        return nil
    }
}
