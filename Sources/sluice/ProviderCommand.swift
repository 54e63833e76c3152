import ArgumentParser
import Dispatch
import Glibc
import SluiceProvider

/// `sluice provider`
struct ProviderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "provider",
        abstract: "Run an OpenAI stand-in: limits, streams, latency and faults, but no model.",
        discussion: """
            It answers chat completions, responses, completions, embeddings, moderations and models in OpenAI's own \
            shapes, plain and streamed, with made-up text. Every reply says so in the headers 'server' and \
            'x-sluice-stand-in'.

            A call can ask for a fault of its own: in the header 'x-sluice-fault', or behind its model's name:
              gpt-4o-mini:fault=429,retry-after-ms=50,times=2
              gpt-4o-mini:fault=cut-mid-stream,after=5
              gpt-4o-mini:ttft-ms=300,tokens-per-second=40,output-tokens=200
            Faults: 400 to 599, rate-limit, quota, context-length, overloaded, slow-down, hang, hang-mid-stream, \
            cut-mid-stream, cut-mid-body, end-early, malformed-json, trickle, huge-body, stream-error, \
            response-failed, wrong-content-type, close, reset, delay.

            GET /stand-in/stats shows what it received; POST /stand-in/reset starts the counts afresh.
            """)

    @Option(help: "TCP address, HOST:PORT; port 0 takes a free one; 'none' for no TCP.")
    var listen = "127.0.0.1:8080"

    @Option(help: ArgumentHelp("Unix socket to listen on as well.", valueName: "path"))
    var unix: String?

    @Option(help: "Requests per minute of each model and key; no limit unless given.")
    var rpm: Int?

    @Option(help: "Tokens per minute of each model and key; no limit unless given.")
    var tpm: Int?

    @Option(help: ArgumentHelp("Limits of one model, NAME=RPM,TPM; repeatable.", valueName: "limit"))
    var modelLimit: [String] = []

    @Flag(help: "Refused calls do not count as requests.")
    var freeRefusals = false

    @Option(help: "Median time to first token, in milliseconds.")
    var ttftMs = 0.0

    @Option(help: "Spread of the time to first token: sigma of its logarithm, 0 to 3.")
    var ttftSigma = 0.0

    @Option(help: "Median pace of a stream; 0 is as fast as it goes.")
    var tokensPerSecond = 0.0

    @Option(help: "Spread of the gaps between tokens: sigma of their logarithm, 0 to 3.")
    var paceSigma = 0.0

    @Option(help: "Median of the tokens of an answer that nothing else limits.")
    var outputTokens = 24

    @Option(help: "Spread of that length: sigma of its logarithm, 0 to 3; a prompt always gets the same.")
    var outputSigma = 0.0

    @Option(help: ArgumentHelp("JSON file of fault rules.", valueName: "file"))
    var faults: String?

    @Option(help: "Accepted API keys, with commas between them; every non-empty key unless given.")
    var keys: String?

    @Option(help: ArgumentHelp("One more model that exists; repeatable.", valueName: "name"))
    var model: [String] = []

    @Option(help: "Seed of texts, latencies and fault draws.")
    var seed: UInt64 = 1

    @Option(help: "Event-loop threads.")
    var threads = 1

    func run() async throws {
        Self.raiseDescriptorLimit()
        let server = try await ProviderServer.start(try providerConfiguration())
        announce(server)
        await Self.terminationSignal()
        await server.shutdown()
    }

    /// Thousands of streams need more descriptors than the usual soft limit of 1,024.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Returns at the first SIGINT or SIGTERM.
    private static func terminationSignal() async {
        let (signals, arrived) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { arrived.yield() }
            source.resume()
            return source
        }
        for await _ in signals { break }
        for source in sources { source.cancel() }
    }

    /// The line that scripts read the port from goes to standard output, at once.
    private func announce(_ server: ProviderServer) {
        let addresses =
            (server.tcpPort.map { ["http://\(urlHost):\($0)/v1"] } ?? [])
            + (unix.map { ["unix:\($0)"] } ?? [])
        print("OpenAI stand-in (simulated, no model) listening on \(addresses.joined(separator: " "))")
        fflush(nil)
    }

    private var urlHost: String {
        let host = splitListen()?.host ?? "127.0.0.1"
        return host.contains(":") ? "[\(host)]" : host
    }

    private func splitListen() -> (host: String, port: Int)? {
        guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        let host = listen[..<colon].filter { $0 != "[" && $0 != "]" }
        return (host.isEmpty ? "127.0.0.1" : host, port)
    }

    private func providerConfiguration() throws -> ProviderConfiguration {
        var settings = ProviderConfiguration()
        settings.host = nil
        if listen != "none" {
            guard let address = splitListen() else { throw ValidationError("--listen takes HOST:PORT or 'none'.") }
            settings.host = address.host
            settings.port = address.port
        }
        guard settings.host != nil || unix != nil else { throw ValidationError("Give --listen or --unix.") }
        settings.unixPath = unix
        settings.keys = Set((keys ?? "").split(separator: ",").map(String.init))
        settings.models += model.map { ModelInfo(name: $0) }
        settings.limits = RateLimits(requestsPerMinute: rpm, tokensPerMinute: tpm)
        settings.modelLimits = try Dictionary(modelLimit.map(Self.limit), uniquingKeysWith: { $1 })
        settings.limits.countsRefused = !freeRefusals
        for name in settings.modelLimits.keys { settings.modelLimits[name]?.countsRefused = !freeRefusals }
        settings.latency = LatencyModel(
            firstTokenMS: ttftMs, firstTokenSigma: ttftSigma, tokensPerSecond: tokensPerSecond, gapSigma: paceSigma)
        settings.outputTokens = min(max(outputTokens, 1), 1_000_000)
        settings.outputSigma = min(max(outputSigma, 0), 3)
        settings.seed = seed
        settings.threads = min(max(threads, 1), 64)
        if let faults { settings.faults = try FaultScript(contentsOfFile: faults) }
        return settings
    }

    /// Reads `NAME=RPM,TPM`; either figure may be empty for no limit.
    private static func limit(_ text: String) throws -> (String, RateLimits) {
        let halves = text.split(separator: "=", maxSplits: 1).map(String.init)
        let figures = halves.last?.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) } ?? []
        guard halves.count == 2, figures.count == 2 else {
            throw ValidationError("--model-limit takes NAME=RPM,TPM, not '\(text)'.")
        }
        return (halves[0], RateLimits(requestsPerMinute: figures[0], tokensPerMinute: figures[1]))
    }
}
