import Glibc

extension FaultScript {
    /// Largest fault file, in bytes.
    private static let maxFileBytes = 1 << 20

    /// Reads a script from a file of at most 1 MiB. Throws `FaultScriptError`.
    package init(contentsOfFile path: String) throws {
        guard let file = fopen(path, "re") else { throw FaultScriptError(message: "Cannot open '\(path)'.") }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: Self.maxFileBytes + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        guard ferror(file) == 0 else { throw FaultScriptError(message: "Cannot read '\(path)'.") }
        guard count <= Self.maxFileBytes else { throw FaultScriptError(message: "'\(path)' is larger than 1 MiB.") }
        try self.init(json: Array(bytes.prefix(count)))
    }
}
