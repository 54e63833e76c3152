internal import CCurl
internal import Glibc

/// The options that stay the same for a handle's life, and libcurl's ways back into it.
enum HandleSettings {
    static func apply(to transfer: Transfer) -> Bool {
        let easy = transfer.easy
        let profile = transfer.pool.profile
        return setTransport(easy) && setRoute(easy, profile) && setTrust(easy, profile)
            && setVersion(easy, profile) && setCallbacks(easy, transfer)
    }

    private static func setTransport(_ easy: UnsafeMutableRawPointer) -> Bool {
        sluice_easy_set_long(easy, CURLOPT_NOSIGNAL, 1) == CURLE_OK
            && sluice_easy_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK
            && sluice_easy_set_long(easy, CURLOPT_FOLLOWLOCATION, 0) == CURLE_OK
            && sluice_easy_set_long(easy, CURLOPT_NETRC, 0) == CURLE_OK
            && sluice_easy_set_long(easy, CURLOPT_PATH_AS_IS, 1) == CURLE_OK
            && sluice_easy_set_long(easy, CURLOPT_TCP_NODELAY, 1) == CURLE_OK
            && sluice_easy_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1) == CURLE_OK
            && sluice_easy_set_long(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1) == CURLE_OK
            // Otherwise taking a transfer out while its name is being resolved would wait for the resolver's thread.
            && sluice_easy_set_long(easy, CURLOPT_QUICK_EXIT, 1) == CURLE_OK
    }

    /// The empty proxy and the empty exception list keep the environment out.
    private static func setRoute(_ easy: UnsafeMutableRawPointer, _ profile: UpstreamProfile) -> Bool {
        sluice_easy_set_string(easy, CURLOPT_PROXY, profile.proxy ?? "") == CURLE_OK
            && sluice_easy_set_string(easy, CURLOPT_NOPROXY, "") == CURLE_OK
            && sluice_easy_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, profile.connectTimeoutMS) == CURLE_OK
            && (profile.unixSocketPath == nil
                || sluice_easy_set_string(easy, CURLOPT_UNIX_SOCKET_PATH, profile.unixSocketPath) == CURLE_OK)
    }

    private static func setTrust(_ easy: UnsafeMutableRawPointer, _ profile: UpstreamProfile) -> Bool {
        if let caFile = profile.caFile {
            guard sluice_easy_set_string(easy, CURLOPT_CAINFO, caFile) == CURLE_OK else { return false }
        }
        if profile.caFile != nil || sluice_curl_has_default_bundle() != 0 {
            _ = sluice_easy_set_string(easy, CURLOPT_CAPATH, nil)
        }
        return sluice_easy_set_long(easy, CURLOPT_SSL_VERIFYPEER, 1) == CURLE_OK
            && sluice_easy_set_long(easy, CURLOPT_SSL_VERIFYHOST, 2) == CURLE_OK
    }

    /// HTTP/2 over TLS only. Over plain text (prior knowledge) libcurl 7.88 stalls every further stream of a
    /// connection.
    private static func setVersion(_ easy: UnsafeMutableRawPointer, _ profile: UpstreamProfile) -> Bool {
        let multiplexes = profile.isTLS && profile.httpVersion != .http11
        let version = multiplexes ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1
        return sluice_easy_set_long(easy, CURLOPT_HTTP_VERSION, Int(version)) == CURLE_OK
            && sluice_easy_set_long(easy, CURLOPT_PIPEWAIT, multiplexes ? 1 : 0) == CURLE_OK
    }

    private static func setCallbacks(_ easy: UnsafeMutableRawPointer, _ transfer: Transfer) -> Bool {
        let context = Unmanaged.passUnretained(transfer).toOpaque()
        let loop = Unmanaged.passUnretained(transfer.loop).toOpaque()
        sluice_easy_set_pointer(easy, CURLOPT_PRIVATE, context)
        sluice_easy_set_pointer(easy, CURLOPT_WRITEDATA, context)
        sluice_easy_set_pointer(easy, CURLOPT_HEADERDATA, context)
        sluice_easy_set_pointer(easy, CURLOPT_PREREQDATA, context)
        sluice_easy_set_pointer(easy, CURLOPT_ERRORBUFFER, transfer.errorText)
        sluice_easy_set_pointer(easy, CURLOPT_OPENSOCKETDATA, loop)
        sluice_easy_set_open_callback(easy) { loop, _, address in
            guard let loop, let address else { return CURL_SOCKET_BAD }
            return Unmanaged<EngineLoop>.fromOpaque(loop)._withUnsafeGuaranteedRef { $0.openSocket(address.pointee) }
        }
        sluice_easy_set_prereq_callback(easy) { context, _, _, _, localPort in
            guard let context else { return CURL_PREREQFUNC_ABORT }
            HandleSettings.withTransfer(context) { $0.noteSend(localPort: localPort) }
            return CURL_PREREQFUNC_OK
        }
        sluice_easy_set_bytes_callback(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            HandleSettings.receive(bytes, size * count, context) { $0.receiveHeader($1) }
        }
        return sluice_easy_set_bytes_callback(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            HandleSettings.receive(bytes, size * count, context) { $0.receiveBody($1) }
        } == CURLE_OK
    }

    private static func receive(
        _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, _ context: UnsafeMutableRawPointer?,
        _ take: (Transfer, UnsafeBufferPointer<UInt8>) -> Int
    ) -> Int {
        guard let bytes, let context else { return 0 }
        let start = UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self)
        return withTransfer(context) { take($0, UnsafeBufferPointer(start: start, count: count)) }
    }

    private static func withTransfer<Result>(
        _ context: UnsafeMutableRawPointer, _ body: (Transfer) -> Result
    ) -> Result {
        Unmanaged<Transfer>.fromOpaque(context)._withUnsafeGuaranteedRef(body)
    }
}
