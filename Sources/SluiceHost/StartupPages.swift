import Glibc

/// Gives back the pages of code that only starting needed: reading arguments and configuration touches much of the
/// program that a daemon never uses again, and it stays mapped.
package enum StartupPages {
    /// Bytes of `/proc/self/maps` that are read; a process of the agent's kind has about 20 KiB of them.
    private static let mapsSize = 256 * 1024

    /// Unmaps every page of code; those that are needed come back by themselves, from the page cache.
    ///
    /// Only mappings that are readable, executable, private and of a file are touched: such pages are never written, so
    /// nothing can be lost. Does nothing where `/proc` is not there.
    package static func release() {
        for range in codeRanges(maps()) {
            guard let start = UnsafeMutableRawPointer(bitPattern: range.lowerBound) else { continue }
            _ = madvise(start, range.count, MADV_DONTNEED)
        }
    }

    /// The address ranges of code in the text of a `maps` file.
    static func codeRanges(_ text: String) -> [Range<UInt>] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count >= 6, fields[1] == "r-xp", fields[5].hasPrefix("/") else { return nil }
            let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2, ends[0] < ends[1] else { return nil }
            return ends[0]..<ends[1]
        }
    }

    private static func maps() -> String {
        let descriptor = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while bytes.count < mapsSize {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes.append(contentsOf: buffer[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
