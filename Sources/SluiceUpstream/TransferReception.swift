internal import CCurl

/// How an answer's bytes enter. Called by libcurl from within a turn of the loop; nothing here may call libcurl back.
extension Transfer {
    /// A header line; returns how many bytes were taken, anything else than all aborts the transfer.
    func receiveHeader(_ line: UnsafeBufferPointer<UInt8>) -> Int {
        noteArrival()
        switch reader.read(line) {
        case .more: return line.count
        case .complete: return beginBody() ? line.count : 0
        case .tooLarge: return refuse()
        }
    }

    /// A piece of the body.
    func receiveBody(_ piece: UnsafeBufferPointer<UInt8>) -> Int {
        if handsOnData, isPaused { return holdBack(piece) }
        if handsOnData, bytes.count >= Self.turnShare, !reader.isHTTP2 { return throttle() }
        noteArrival()
        if handsOnData {
            if bytes.isEmpty { loop.markDirty(self) }
        } else if bytes.count + piece.count > pool.profile.maxResponseBytes {
            return refuse()
        }
        bodyBytes += piece.count
        bytes.append(contentsOf: piece)
        return piece.count
    }

    /// Bytes of one HTTP/1.1 stream in one turn. libcurl itself goes on for up to 100 buffers while more is there,
    /// which would starve the others and let 1.6 MB pass after a pause.
    private static let turnShare = 64 << 10

    private func throttle() -> Int {
        isStoppedInCurl = true
        loop.throttle(self)
        return Int(CURL_WRITEFUNC_PAUSE)
    }

    private func beginBody() -> Bool {
        decideDelivery()
        if handsOnData {
            loop.report(.head(token, reader.head))
        } else if let length = reader.contentLength, length > pool.profile.maxResponseBytes {
            failure = .tooLarge
            return false
        }
        return true
    }

    /// A short pause of an HTTP/2 stream is bridged by memory, so that its siblings on the connection go on.
    private func holdBack(_ piece: UnsafeBufferPointer<UInt8>) -> Int {
        guard reader.isHTTP2, held.count + piece.count <= loop.limits.heldBytesPerStream else {
            isStoppedInCurl = true
            return Int(CURL_WRITEFUNC_PAUSE)
        }
        bodyBytes += piece.count
        held.append(contentsOf: piece)
        return piece.count
    }

    /// What was held back becomes deliverable.
    func releaseHeld() {
        guard !held.isEmpty else { return }
        if bytes.isEmpty { loop.markDirty(self) }
        bytes.append(contentsOf: held)
        held = []
    }

    private func noteArrival() {
        lastByteMS = loop.nowMS
        guard !hasAnswer else { return }
        hasAnswer = true
        loop.hasten(self)
    }

    private func refuse() -> Int {
        failure = .tooLarge
        return 0
    }
}
