import Foundation

/// The Python caller: the project's own client, run by the machine's Python.
struct DemoPython {
    let directory: String?

    func run(socket: String) async throws {
        Terminal.say("3. Python, plain and streamed (protocol/clients/python)")
        guard let source = directory ?? Self.find() else {
            Terminal.say("   skipped: the Python client is not near here; name its folder with --python-client\n")
            return
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", Self.script]
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["PYTHONPATH": source, "SLUICE_SOCKET": socket]) { $1 }
        try process.run()
        await withCheckedContinuation { done in
            DispatchQueue.global().async {
                process.waitUntilExit()
                done.resume()
            }
        }
        guard process.terminationStatus == 0 else {
            throw StatsFailure(description: "the Python caller ended with status \(process.terminationStatus)")
        }
        Terminal.say("")
    }

    /// The client's sources, looked for from the working directory and from the executable upwards.
    private static func find() -> String? {
        let starts = [FileManager.default.currentDirectoryPath, CommandLine.arguments[0]]
        for start in starts {
            var place = URL(fileURLWithPath: start).resolvingSymlinksInPath()
            while place.path != "/" {
                let candidate = place.appendingPathComponent("protocol/clients/python/src")
                if FileManager.default.fileExists(atPath: candidate.path) { return candidate.path }
                place.deleteLastPathComponent()
            }
        }
        return nil
    }

    private static let script = """
        import sluice
        body = {"model": "gpt-4o-mini", "max_tokens": 16,
                "messages": [{"role": "user", "content": "Hello from Python"}]}
        with sluice.Client(name="demo/python") as client:
            result = client.call("/v1/chat/completions", body, tenant="acme", lane="interactive")
            print("  ", result.body["choices"][0]["message"]["content"])
            print("   ", end="")
            with client.stream("/v1/chat/completions", body, tenant="acme", lane="interactive") as stream:
                for chunk in stream:
                    print(chunk.text, end="", flush=True)
                print()
                print("  ", stream.result.usage)
        """
}
