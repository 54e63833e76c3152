import SluiceConfig

/// Reads what an agent runs on: the configuration and its keys.
enum AgentSetup {
    struct Loaded: Sendable {
        var configuration: Configuration
        var routes: [String: [UpstreamRoute]]
    }

    /// - Throws: ``AgentStartError`` with every problem.
    static func load(_ options: AgentOptions) throws(AgentStartError) -> Loaded {
        let configuration = try configuration(options)
        let loader = KeyLoader(
            credentialsDirectory: options.environment["CREDENTIALS_DIRECTORY"], environment: options.environment)
        let built = RouteBuilder.build(configuration, keys: loader)
        // A key that is configured and cannot be read is an error, not a smaller pool that nobody notices.
        guard built.problems.isEmpty else { throw AgentStartError(problems: built.problems.map(\.description)) }
        return Loaded(configuration: configuration, routes: built.routes)
    }

    /// The same as a value, for a reload that must not throw away what runs.
    static func reload(_ options: AgentOptions) -> Result<Loaded, AgentStartError> {
        do throws(AgentStartError) {
            return .success(try load(options))
        } catch {
            return .failure(error)
        }
    }

    private static func configuration(_ options: AgentOptions) throws(AgentStartError) -> Configuration {
        do throws(InvalidConfiguration) {
            guard let file = options.configurationFile else {
                return try ConfigurationLoader.parse([], file: "defaults", environment: options.environment)
            }
            return try ConfigurationLoader.load(path: file, environment: options.environment)
        } catch {
            throw AgentStartError(problems: error.problems.map { "\($0)" })
        }
    }
}
