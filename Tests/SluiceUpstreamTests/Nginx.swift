import Foundation
import Glibc

/// An nginx that serves HTTP/2 over TLS on a Unix socket with a certificate of an authority made for it.
final class Nginx: Sendable {
    static let isInstalled = FileManager.default.isExecutableFile(atPath: binary)
    private static let binary = "/usr/sbin/nginx"

    let folder: TemporaryFolder
    var socketPath: String { folder.path + "/tls.sock" }
    var caFile: String { folder.path + "/ca.pem" }
    /// Where the server behind `/v1/behind/` is expected.
    var behindPath: String { folder.path + "/behind.sock" }
    /// What is below `/v1` here is served.
    var filesPath: String { folder.path + "/files" }

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path + "/files/v1", withIntermediateDirectories: true)
        try Certificates.make(in: folder.path)
        try Self.configuration(folder.path).write(
            toFile: folder.path + "/nginx.conf", atomically: true, encoding: .utf8)
        // The command returns once the sockets listen.
        try Shell.run(Self.binary, ["-p", folder.path, "-c", folder.path + "/nginx.conf"])
    }

    deinit { try? stop("stop") }

    /// Waits for so many requests to be over; one line "status path" each. It is written after the answer.
    func log(lines count: Int) async throws -> [String] {
        while true {
            let log = try String(contentsOfFile: folder.path + "/access.log", encoding: .utf8)
            let lines = log.split(separator: "\n").map(String.init)
            if lines.count >= count { return lines }
            try Task.checkCancellation()
            await Task.yield()
        }
    }

    private func stop(_ signal: String) throws {
        try Shell.run(Self.binary, ["-p", folder.path, "-c", folder.path + "/nginx.conf", "-s", signal])
    }

    private static func configuration(_ path: String) -> String {
        let temporaries = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(path)/\($0);" }
        return """
            user root;
            worker_processes 1;
            pid \(path)/pid;
            error_log \(path)/error.log;
            events { worker_connections 512; }
            http {
              \(temporaries.joined(separator: " "))
              log_format short "$status $uri";
              access_log \(path)/access.log short;
              server {
                listen unix:\(path)/tls.sock ssl http2;
                ssl_certificate \(path)/leaf.pem;
                ssl_certificate_key \(path)/leaf.key;
                root \(path)/files;
                location /v1/echo { return 200 "$server_protocol"; }
                location /v1/behind/ { proxy_pass http://unix:\(path)/behind.sock; proxy_buffering off; }
              }
            }
            """
    }
}

/// A certificate authority and a certificate for `localhost`, made by openssl.
enum Certificates {
    static func make(in path: String) throws {
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        let authority = ["-keyout", path + "/ca.key", "-out", path + "/ca.pem", "-days", "2", "-subj", "/CN=Test CA"]
        try Shell.run("/usr/bin/openssl", ["req", "-x509"] + key + authority)
        let request = ["-keyout", path + "/leaf.key", "-out", path + "/leaf.csr", "-subj", "/CN=localhost"]
        try Shell.run("/usr/bin/openssl", ["req", "-new"] + key + request)
        try "subjectAltName=DNS:localhost".write(toFile: path + "/leaf.ext", atomically: true, encoding: .utf8)
        try Shell.run(
            "/usr/bin/openssl",
            [
                "x509", "-req", "-in", path + "/leaf.csr", "-CA", path + "/ca.pem", "-CAkey", path + "/ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", path + "/leaf.ext", "-out", path + "/leaf.pem",
            ])
    }
}

/// Commands run to their end. Foundation's `Process` waits for a daemon's descriptors too, hence the plain calls.
enum Shell {
    struct Failed: Error {
        let command: String
        let status: Int32
    }

    static func run(_ command: String, _ arguments: [String]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [Int32(1), 2] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
        }
        var pid = pid_t()
        var words: [UnsafeMutablePointer<CChar>?] = ([command] + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var status = posix_spawn(&pid, command, &actions, nil, &words, environ)
        if status == 0 { waitpid(pid, &status, 0) }
        guard status == 0 else { throw Failed(command: command, status: status) }
    }
}
