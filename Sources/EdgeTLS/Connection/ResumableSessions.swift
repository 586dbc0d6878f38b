// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Synchronization

/// The sessions that a client may take up again, so that a new connection to a known backend costs no full handshake.
///
/// It is asked and filled once a handshake, from any event loop. A session is taken up again only for the same name,
/// the same policy and the same scope, so that the verified identity is the one that the new connection would ask for
/// (TLS-05).
final class ResumableSessions: Sendable {
    /// How many backends are remembered, and how many sessions for each.
    static let keyLimit = 1024
    static let sessionLimit = 4

    /// How long, in seconds, the certificate that a session rests on must be valid yet: a session brings back the one of
    /// its first handshake, even if the server has another by now (TLS-09).
    static let validityMargin: Int64 = 180

    /// How long, in seconds, after the handshake in which the server was verified a session is taken up: what has been
    /// revoked since is found out then (TLS-20).
    static let longestAge: Int64 = 3600

    /// What two connections must have in common.
    struct Key: Sendable, Hashable {
        let serverName: String?
        let policy: PeerIdentityPolicy
        let scope: String
    }

    /// One session; OpenSSL counts its references atomically.
    private final class Session: @unchecked Sendable {
        let pointer: OpaquePointer
        /// When the server was verified, in seconds since 1970.
        let verifiedAt: Int64

        init(owning pointer: OpaquePointer, verifiedAt: Int64) {
            self.pointer = pointer
            self.verifiedAt = verifiedAt
        }

        deinit {
            SSL_SESSION_free(self.pointer)
        }
    }

    private let sessions = Mutex<[Key: [Session]]>([:])

    /// Keeps a session; takes over one reference to it.
    func keep(_ pointer: OpaquePointer, for key: Key, verifiedAt: Int64) {
        let session = Session(owning: pointer, verifiedAt: verifiedAt)
        self.sessions.withLock { sessions in
            if sessions[key] == nil, sessions.count >= Self.keyLimit, let any = sessions.keys.first {
                sessions[any] = nil
            }
            sessions[key, default: []].append(session)
            if sessions[key]?.count ?? 0 > Self.sessionLimit { sessions[key]?.removeFirst() }
        }
    }

    /// Has `ssl` offer the newest session for the key.
    ///
    /// One of version 1.3 is offered once (RFC 8446 appendix C.4).
    ///
    /// - Returns: when the server was verified whose session was offered; nil: none was.
    func offer(to ssl: OpaquePointer, for key: Key, now: Int64) -> Int64? {
        let session = self.sessions.withLock { sessions -> Session? in
            guard let newest = sessions[key]?.last else { return nil }
            if SSL_SESSION_get_protocol_version(newest.pointer) >= TLSVersion.tls13.rawValue {
                sessions[key]?.removeLast()
            }
            return newest
        }
        guard let session, SSL_SESSION_is_resumable(session.pointer) == 1,
            Self.isFresh(verifiedAt: session.verifiedAt, now: now)
        else { return nil }
        let peer = SSL_SESSION_get0_peer(session.pointer).map { Certificate(retaining: $0).notAfter }
        guard Self.isLasting(notAfter: peer, now: now), SSL_set_session(ssl, session.pointer) == 1 else { return nil }
        return session.verifiedAt
    }

    /// Whether the server was verified not too long ago, by a clock that may have been set back.
    static func isFresh(verifiedAt: Int64, now: Int64) -> Bool {
        let (age, overflow) = now.subtractingReportingOverflow(verifiedAt)
        return !overflow && (0...Self.longestAge).contains(age)
    }

    /// Whether a session whose peer's certificate ends then is worth taking up; nil: it rests on none.
    static func isLasting(notAfter: Int64?, now: Int64) -> Bool {
        notAfter.map { $0 > now + Self.validityMargin } ?? true
    }

    /// OpenSSL calls this with each new session; 1 says that the reference was taken over.
    static let callback: @convention(c) (OpaquePointer?, OpaquePointer?) -> Int32 = { ssl, session in
        guard
            let session,
            let connection = OpenSSLLibrary.shared.connection(of: ssl),
            let sessions = connection.context.sessions,
            let key = connection.sessionKey
        else { return 0 }
        // A session that comes of another one rests on the same verification.
        let inherited = SSL_session_reused(connection.ssl) == 1 ? connection.offeredSessionAt : nil
        sessions.keep(session, for: key, verifiedAt: inherited ?? UnixTime.now)
        return 1
    }
}

extension TLSConnection {
    /// Under what a session of this connection is remembered; nil for a server, which remembers nothing.
    var sessionKey: ResumableSessions.Key? {
        guard case .client(let serverName, let policy, let scope) = self.role else { return nil }
        return ResumableSessions.Key(serverName: serverName, policy: policy, scope: scope)
    }

    /// Offers the server to take up an earlier session.
    func offerSession() {
        guard let sessions = self.context.sessions, let key = self.sessionKey else { return }
        self.offeredSessionAt = sessions.offer(to: self.ssl, for: key, now: UnixTime.now)
    }
}
