/// Reads a configuration: bytes → text → tree → validated value, or every problem at once.
package enum ConfigurationLoader {
    /// Larger files are refused unread.
    package static let maximumFileSize = 1 << 20

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - path: the file; its text is used in messages as it is given.
    ///   - environment: the process's variables, for `$OPENAI_BASE_URL` when the file names no upstream.
    /// - Throws: ``InvalidConfiguration`` with every problem.
    package static func load(
        path: String, environment: [String: String]
    ) throws(InvalidConfiguration) -> Configuration {
        let bytes: [UInt8]
        do {
            bytes = try RegularFile.read(path, maximum: maximumFileSize).bytes
        } catch {
            throw InvalidConfiguration(problems: [ConfigurationProblem(file: path, message: error.description)])
        }
        return try parse(bytes, file: path, environment: environment)
    }

    /// Reads a file's bytes.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8 text, at most ``maximumFileSize``; empty for the defaults.
    ///   - file: the name to use in messages.
    ///   - environment: see ``load(path:environment:)``.
    /// - Throws: ``InvalidConfiguration`` with every problem.
    package static func parse(
        _ bytes: [UInt8], file: String, environment: [String: String] = [:]
    ) throws(InvalidConfiguration) -> Configuration {
        let problems = ProblemList(file: file)
        var configuration = Configuration()
        if let text = decode(bytes, problems), let root = YAMLReader.read(text, problems: problems) {
            configuration = Place(path: "", problems: problems).section(root, configuration)
        }
        var found = problems.sorted()
        if configuration.upstreams.isEmpty, found.isEmpty {
            do {
                configuration.upstreams = [try defaultUpstream(environment)]
            } catch {
                found.append(error)
            }
        }
        guard found.isEmpty else { throw InvalidConfiguration(problems: found) }
        return configuration
    }

    static func decode(_ bytes: [UInt8], _ problems: ProblemList) -> String? {
        guard bytes.count <= maximumFileSize else {
            let size = SizeFormat.write(maximumFileSize)
            problems.add(at: .wholeFile, path: "", Fault("the file is larger than \(size)"))
            return nil
        }
        let body = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        guard let text = String(validating: body, as: UTF8.self) else {
            problems.add(at: firstInvalid(body), path: "", Fault("the file is not UTF-8", suggestion: "convert it"))
            return nil
        }
        return text
    }

    /// The line and column of the first byte that is not UTF-8.
    private static func firstInvalid(_ bytes: ArraySlice<UInt8>) -> Position {
        var (line, column) = (1, 1)
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            column += 1
            if scalar == "\n" { (line, column) = (line + 1, 1) }
        }
        return Position(line: line, column: column)
    }

    /// The upstream of a file that names none, as the official SDKs would find it.
    private static func defaultUpstream(
        _ environment: [String: String]
    ) throws(ConfigurationProblem) -> UpstreamSettings {
        var upstream = UpstreamSettings()
        upstream.name = UpstreamSettings.defaultName
        let url = environment["OPENAI_BASE_URL"].flatMap { $0.isEmpty ? nil : $0 } ?? UpstreamSettings.defaultBaseURL
        do {
            upstream.baseURL = try ValueType<String>.baseURL.parse(Scalar(text: url, isQuoted: true))
        } catch {
            throw ConfigurationProblem(
                file: "environment", path: "OPENAI_BASE_URL", message: error.message, suggestion: error.suggestion)
        }
        upstream.keys = [KeySource(name: "default", environment: "OPENAI_API_KEY")]
        return upstream
    }
}
