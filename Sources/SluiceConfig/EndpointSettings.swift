/// Section `endpoints`: which of the provider's API paths callers may use.
package struct EndpointSettings: Equatable, Sendable {
    /// Method and path of what is allowed.
    ///
    /// The default is every path of OpenAI's description (2026-08-21) that takes a JSON body, has no path parameter and
    /// runs a model, plus the list of models. Left out: `/v1/audio/speech`, whose answer is audio and not JSON; stored
    /// objects, files, batches and administration, which are not inference; and `/v1/threads/runs`, which needs other
    /// paths to be of use.
    package internal(set) var allow: [EndpointPattern] = [
        EndpointPattern(method: .post, path: "/v1/chat/completions"),
        EndpointPattern(method: .post, path: "/v1/responses"),
        EndpointPattern(method: .post, path: "/v1/responses/compact"),
        EndpointPattern(method: .post, path: "/v1/responses/input_tokens"),
        EndpointPattern(method: .post, path: "/v1/embeddings"),
        EndpointPattern(method: .post, path: "/v1/completions"),
        EndpointPattern(method: .post, path: "/v1/moderations"),
        EndpointPattern(method: .post, path: "/v1/images/generations"),
        EndpointPattern(method: .post, path: "/v1/images/edits"),
        EndpointPattern(method: .get, path: "/v1/models"),
        EndpointPattern(method: .get, path: "/v1/models/*"),
    ]

    /// The defaults.
    package init() {}

    /// Whether a call may be made.
    package func allows(method: String, path: String) -> Bool {
        allow.contains { $0.matches(method: method, path: path) }
    }
}

extension EndpointSettings: ConfigurationSection {
    static let fields: [Field<EndpointSettings>] = [
        .list(
            "allow", \.allow, .endpoint, maximum: 256, .live,
            "What callers may use; * as the last part of a path stands for one part")
    ]
}

/// A method and a path of the provider's API; the last segment of the path may be `*`, which stands for exactly one
/// segment that is not empty.
package struct EndpointPattern: Equatable, Sendable {
    /// The methods the protocol knows.
    package enum Method: String, CaseIterable, Sendable {
        case get = "GET"
        case post = "POST"
    }

    /// The method.
    package let method: Method
    /// The path from `/v1/` on.
    package let path: String

    /// Whether the pattern matches a call.
    package func matches(method: String, path: String) -> Bool {
        guard method == self.method.rawValue else { return false }
        guard self.path.hasSuffix("/*") else { return path == self.path }
        let prefix = self.path.dropLast()
        guard path.hasPrefix(prefix) else { return false }
        let rest = path.utf8.dropFirst(prefix.utf8.count)
        return !rest.isEmpty && !rest.contains(UInt8(ascii: "/"))
    }
}

extension ValueType<EndpointPattern> {
    /// `METHOD /v1/path`.
    static let endpoint = ValueType(
        name: "endpoint", range: nil,
        parse: { scalar throws(Fault) in
            let parts = scalar.text.split(separator: " ", omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw Fault(
                    "expected a method and a path, found \(scalar.kind)",
                    suggestion: "write it as POST /v1/chat/completions")
            }
            guard let method = EndpointPattern.Method(rawValue: String(parts[0])) else {
                throw Fault(
                    "\(quoted(String(parts[0]))) is not a method",
                    suggestion: suggestion(for: String(parts[0]), among: ["GET", "POST"]))
            }
            if let fault = pathFault(parts[1]) { throw fault }
            return EndpointPattern(method: method, path: String(parts[1]))
        },
        render: { .text("\($0.method.rawValue) \($0.path)") })

    private static func pathFault(_ path: Substring) -> Fault? {
        guard path.hasPrefix("/v1/"), path.utf8.count <= 512, path.utf8.count > 4 else {
            return Fault("\(quoted(String(path))) is not an API path", suggestion: "start it with /v1/")
        }
        guard path.utf8.allSatisfy({ isLetterOrDigit($0) || "/-._~%:@*".utf8.contains($0) }), !path.contains("..")
        else {
            return Fault("\(quoted(String(path))) is not an API path", suggestion: "no query, no \"..\", no blanks")
        }
        let stars = path.filter { $0 == "*" }.count
        guard stars == 0 || (stars == 1 && path.hasSuffix("/*")) else {
            return Fault("* may only be the whole last part of a path", suggestion: "write it as /v1/models/*")
        }
        return nil
    }
}
