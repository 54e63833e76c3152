#if canImport(SluiceConfig)
    import SluiceConfig

    /// The configuration loader: any bytes are a configuration or a list of problems, never a crash.
    struct ConfigTarget: FuzzTarget {
        private let mutator = Mutator(corpus: Corpus.configurations, tokens: Corpus.configurationTokens)

        func make(_ random: inout Random) -> [UInt8] { mutator.make(&random) }

        func run(_ input: [UInt8], _ random: inout Random) throws(Violation) -> Bool {
            do {
                _ = try ConfigurationLoader.parse(input, file: "fuzz.yaml")
                return true
            } catch {
                try require(!error.problems.isEmpty, "a refusal names its problems")
                return false
            }
        }
    }
#endif
