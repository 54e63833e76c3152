internal import CCurl

/// Why an exchange did not complete.
package enum UpstreamFailure: Error, Sendable, Equatable {
    /// The host's (or the proxy's) name did not resolve.
    case dns
    /// The connection was refused or the host unreachable.
    case connect
    /// The TLS handshake or the certificate's verification failed.
    case tls
    /// The connection did not stand within the profile's `connectTimeoutMS`.
    case connectTimeout
    /// No byte of an answer within `firstByteTimeoutMS`.
    case firstByteTimeout
    /// No further byte within `idleTimeoutMS`.
    case idleTimeout
    /// Not over within `totalTimeoutMS`.
    case totalTimeout
    /// The connection was lost, or the HTTP/2 stream reset, before the answer was complete.
    case connectionLost
    /// The body exceeds the profile's `maxResponseBytes`, or the header 64 KiB.
    case tooLarge
    /// Cancelled by ``UpstreamEngine/cancel(_:)`` or by shutdown.
    case cancelled
    /// The request itself cannot be sent: a path out of rule or a timeout out of range.
    case invalidRequest
    /// The peer does not speak HTTP as understood here, or libcurl gave up for another reason: its `CURLcode`.
    case protocolError(code: Int32)

    /// A bounded label for metrics.
    package var label: String {
        switch self {
        case .dns: "dns"
        case .connect: "connect"
        case .tls: "tls"
        case .connectTimeout: "connect_timeout"
        case .firstByteTimeout: "first_byte_timeout"
        case .idleTimeout: "idle_timeout"
        case .totalTimeout: "total_timeout"
        case .connectionLost: "connection_lost"
        case .tooLarge: "too_large"
        case .cancelled: "cancelled"
        case .invalidRequest: "invalid_request"
        case .protocolError: "protocol_error"
        }
    }

    /// A sentence for people, without anything from the request or the answer.
    package var message: String {
        switch self {
        case .dns: "the upstream's name did not resolve"
        case .connect: "the upstream could not be connected to"
        case .tls: "the TLS connection to the upstream failed"
        case .connectTimeout: "the connection to the upstream took too long"
        case .firstByteTimeout: "the upstream did not begin to answer in time"
        case .idleTimeout: "the upstream fell silent in its answer"
        case .totalTimeout: "the exchange with the upstream took too long"
        case .connectionLost: "the connection to the upstream was lost before the answer was complete"
        case .tooLarge: "the upstream's answer is too large"
        case .cancelled: "the exchange was cancelled"
        case .invalidRequest: "the request cannot be sent"
        case .protocolError(let code): "the upstream's answer could not be understood (libcurl code \(code))"
        }
    }

    /// Sorts libcurl's verdict. Only the connect timeout is libcurl's own clock, the others are the engine's.
    init(_ code: CURLcode) {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: self = .dns
        case CURLE_COULDNT_CONNECT, CURLE_PROXY, CURLE_INTERFACE_FAILED: self = .connect
        case CURLE_OPERATION_TIMEDOUT: self = .connectTimeout
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            self = .tls
        case CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_HTTP2, CURLE_HTTP2_STREAM:
            self = .connectionLost
        default: self = .protocolError(code: Int32(truncatingIfNeeded: code.rawValue))
        }
    }

    /// Whether libcurl's own text on it speaks of the way to the upstream only, not of anything it answered.
    var hasSafeDetail: Bool {
        switch self {
        case .dns, .connect, .tls, .connectTimeout: true
        case .firstByteTimeout, .idleTimeout, .totalTimeout, .connectionLost, .tooLarge, .cancelled, .invalidRequest,
            .protocolError:
            false
        }
    }
}
