import Glibc

/// The process's own figures from `/proc/self`. Each is nil when `/proc` is not there or reads otherwise than
/// expected; the metric is then left out instead of shown as 0.
package struct ProcessSampler: Sendable {
    private let directory: String

    /// Creates a sampler; tests give another directory.
    package init(directory: String = "/proc/self") {
        self.directory = directory
    }

    /// Resident memory in bytes: the second field of `statm`, in pages.
    package func residentBytes() -> Int? {
        guard let fields = read("statm")?.split(separator: " "), fields.count >= 2 else { return nil }
        return Int(fields[1]).map { $0 * sysconf(Int32(_SC_PAGESIZE)) }
    }

    /// User and system time in seconds: fields 14 and 15 of `stat`, in clock ticks.
    package func cpuSeconds() -> Double? {
        // Field 2 is the command in parentheses and may hold blanks and parentheses itself: count after the last one.
        guard let text = read("stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else { return nil }
        return Double(user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Open descriptors: the entries of `fd`, without the one that reads them.
    package func openDescriptors() -> Int? {
        guard let entries = opendir("\(directory)/fd") else { return nil }
        defer { closedir(entries) }
        var count = -3
        while readdir(entries) != nil { count += 1 }
        return max(0, count)
    }

    private func read(_ name: String) -> String? {
        let descriptor = open("\(directory)/\(name)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}
