internal import ArgumentParser
internal import Dispatch
internal import Glibc
internal import SluiceClient

/// `sluice call`: one call from the shell.
struct CallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call", abstract: "Make one call through the agent.",
        discussion: """
            The body comes from --prompt, from a file, or from standard input (-), and reaches the provider as it is.
            The answer's text is printed, or its whole body where it has none or with --raw.

              sluice call --prompt "Say hello" --stream
              sluice call body.json --path /v1/embeddings --raw
              sluice call --get --path /v1/models
              jq -n '{model:"gpt-4o-mini",messages:[{role:"user",content:"Hi"}]}' | sluice call - --json

            Exit status: 0 answered, 1 the provider refused or failed, 2 the call is wrong or cannot be read,
            3 refused by the agent's policy, 4 the agent could not be reached or broke off, 130 interrupted (the call
            is cancelled at the provider first).
            """)

    @Argument(help: "A file with the request body as JSON, or - for standard input.")
    var body: String?

    @Option(help: "Ask this, in place of a body.")
    var prompt: String?

    @Option(help: "The system message that goes with --prompt.")
    var system: String?

    @Option(help: "The model that --prompt asks.")
    var model = "gpt-4o-mini"

    @Option(help: "The API path.")
    var path = "/v1/chat/completions"

    @Flag(help: "Make a GET without a body, such as for --path /v1/models.")
    var get = false

    @Flag(help: "Stream the answer and print it as it comes.")
    var stream = false

    @Option(help: "The customer on whose behalf the call is made.")
    var tenant: String?

    @Option(help: "The workflow that the call belongs to.")
    var feature: String?

    @Option(help: "How urgent it is: \(CallOptions.Lane.allCases.map(\.rawValue).joined(separator: ", ")).")
    var lane: String?

    @Option(help: "Give up after this long, waiting and retries included, such as 800ms or 4s.")
    var deadline: DurationArgument?

    @Option(help: "The agent's socket; found by SLUICE_SOCKET and the usual places when left out.")
    var socket: String?

    @Flag(help: "Print every event as one line of JSON.")
    var json = false

    @Flag(help: "Print the provider's response, or its chunks, byte for byte.")
    var raw = false

    @Flag(name: .shortAndLong, help: "Tell on standard error about waits and retries, and what the call used.")
    var verbose = false

    func run() async throws {
        let printer = CallPrinter(style: json ? .json : raw ? .raw : .text, isVerbose: verbose)
        let request: CallBody
        let options: CallOptions
        do {
            (request, options) = (try readBody(), try readOptions(printer))
        } catch {
            StandardStreams.complain("sluice call: \(error)")
            throw ExitCode(2)
        }
        let call = Task { await make(request, options, printer) }
        let interrupt = Self.onInterrupt { call.cancel() }
        defer { interrupt.cancel() }
        let code = await call.value
        if code != 0 { throw ExitCode(call.isCancelled ? 130 : code) }
    }
}

extension CallCommand {
    private func readBody() throws -> CallBody {
        switch (prompt, body, get) {
        case (nil, nil, true): return .get
        case (let prompt?, nil, false): return try .chat(prompt, system: system, model: model)
        case (nil, let file?, false): return try .file(file)
        case (nil, nil, false) where !StandardStreams.inputIsTerminal: return try .file("-")
        case (nil, nil, false):
            throw ReadFailure("nothing to send; use --prompt TEXT, name a file, or pipe the body in")
        default: throw ReadFailure("use one of --prompt, a body and --get, not several")
        }
    }

    private func readOptions(_ printer: CallPrinter) throws(ReadFailure) -> CallOptions {
        let tell: @Sendable (CallOptions.Progress) -> Void = { printer.progress($0) }
        return CallOptions(
            tenant: tenant, feature: feature, lane: try readLane(), deadline: deadline?.duration,
            onProgress: json || verbose ? tell : nil)
    }

    private func readLane() throws(ReadFailure) -> CallOptions.Lane? {
        guard let lane else { return nil }
        if let known = CallOptions.Lane(rawValue: lane) { return known }
        let known = CallOptions.Lane.allCases.map(\.rawValue).joined(separator: ", ")
        throw ReadFailure("“\(lane)” is no lane; use one of \(known)")
    }

    /// Makes the call and prints what comes; answers the exit status.
    private func make(_ request: CallBody, _ options: CallOptions, _ printer: CallPrinter) async -> CInt {
        let client = SluiceClient(socket: socket, name: "sluice-call")
        do {
            guard stream || request.asksForStream else {
                printer.answer(try await client.call(path, json: request.bytes, options: options))
                return 0
            }
            let stream = try await client.stream(path, json: request.bytes ?? [], options: options)
            var hasChunks = false
            defer { printer.end(stream.end, hasChunks: hasChunks) }
            for try await chunk in stream {
                printer.chunk(chunk)
                hasChunks = true
            }
            return 0
        } catch let error as SluiceError {
            printer.failure(error)
            return Self.exitStatus(error)
        } catch {
            StandardStreams.complain("sluice call: \(error)")
            return 2
        }
    }

    private static func exitStatus(_ error: SluiceError) -> CInt {
        switch error.family {
        case .provider: 1
        case .caller: 2
        case .policy: 3
        case .client, .internal: 4
        }
    }

    /// Ctrl-C once is a request, twice is an order.
    private static func onInterrupt(_ action: @escaping @Sendable () -> Void) -> any DispatchSourceSignal {
        signal(SIGINT, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler {
            signal(SIGINT, SIG_DFL)
            action()
        }
        source.resume()
        return source
    }
}
