import SluiceConfig
import SluiceUpstream
import SluiceWire

/// Why an upstream cannot be used, in words for the operator.
package struct RouteProblem: Error, Sendable, CustomStringConvertible {
    package var description: String
}

/// Turns configured upstreams and their keys into routes. The key goes into the profile's header and nowhere else.
enum RouteBuilder {
    /// Builds every route, or tells every problem.
    static func build(
        _ configuration: Configuration, keys loader: KeyLoader
    ) -> (routes: [String: [UpstreamRoute]], problems: [RouteProblem]) {
        var routes: [String: [UpstreamRoute]] = [:]
        var problems: [RouteProblem] = []
        for upstream in configuration.upstreams {
            for source in upstream.keys {
                do {
                    routes[upstream.name, default: []].append(try route(upstream, source, loader))
                } catch {
                    problems.append(error)
                }
            }
        }
        return (routes, problems)
    }

    private static func route(
        _ upstream: UpstreamSettings, _ source: KeySource, _ loader: KeyLoader
    ) throws(RouteProblem) -> UpstreamRoute {
        do {
            let key = try loader.load(source)
            let profile = try key.use { secret in try Self.profile(upstream, secret) }
            return UpstreamRoute(
                upstreamName: upstream.name, keyName: source.name, profile: profile, timeouts: upstream.timeouts)
        } catch {
            throw RouteProblem(description: "upstream \(upstream.name), key \(source.name): \(error)")
        }
    }

    private static func profile(_ upstream: UpstreamSettings, _ secret: String) throws -> UpstreamProfile {
        var headers = [
            UpstreamHeaderLine(name: "Authorization", value: "Bearer \(secret)"),
            UpstreamHeaderLine(name: "Content-Type", value: "application/json"),
            UpstreamHeaderLine(name: "User-Agent", value: "sluice/\(SluiceVersion.current)"),
        ]
        if let organization = upstream.organization {
            headers.append(UpstreamHeaderLine(name: "OpenAI-Organization", value: organization))
        }
        if let project = upstream.project {
            headers.append(UpstreamHeaderLine(name: "OpenAI-Project", value: project))
        }
        headers += upstream.headers.map { UpstreamHeaderLine(name: $0.name, value: $0.value) }
        return try UpstreamProfile(
            name: upstream.name, baseURL: upstream.baseURL, unixSocketPath: upstream.unixSocket,
            proxy: upstream.proxy, caFile: upstream.caFile, httpVersion: version(upstream.http),
            connectTimeoutMS: upstream.timeouts.connect.wholeMilliseconds, headers: headers,
            maxConnections: upstream.maxConnections,
            maxResponseBytes: min(upstream.maxResponseSize, AgentLimits.responseBody))
    }

    private static func version(_ version: UpstreamSettings.HTTPVersion) -> UpstreamHTTPVersion {
        switch version {
        case .auto: .auto
        case .http1: .http11
        case .http2: .http2
        }
    }
}
