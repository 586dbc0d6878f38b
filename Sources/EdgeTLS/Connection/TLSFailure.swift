// SPDX-License-Identifier: Apache-2.0

/// Why a TLS connection was not made, or did not end as it should.
package struct TLSFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// The class of a failure: a bounded set, fit for a metric's label.
    package enum Reason: String, Sendable, Hashable, CaseIterable {
        /// The handshake was not done in time.
        case handshakeDeadline = "handshake_deadline"
        /// The connection ended while the handshake was under way.
        case closedDuringHandshake = "closed_during_handshake"
        /// What came is not TLS.
        case notTLS = "not_tls"
        /// Both sides have no version in common.
        case version
        /// Both sides have no cipher, group or signature in common.
        case parameters
        /// A certificate is required, and the peer showed none.
        case certificateMissing = "certificate_missing"
        /// The peer's certificate is not valid.
        case certificateInvalid = "certificate_invalid"
        /// The peer's certificate is valid, but for another name (RFC 5922 section 7.3).
        case nameMismatch = "name_mismatch"
        /// No certificate here serves the name that the client asked for.
        case unknownServerName = "unknown_server_name"
        /// The peer refused with an alert.
        case peerAlert = "peer_alert"
        /// A record or a message is not what the protocol allows.
        case protocolViolation = "protocol_violation"
        /// The connection ended without a close_notify: what came last may be cut off (TLS-35).
        case truncated
        /// The library failed on this side.
        case library
    }

    /// The side that this process is.
    package enum Side: String, Sendable, Hashable {
        case server
        case client
    }

    package let reason: Reason
    /// What the library says, with the verification's result in words.
    package let words: String
    /// The server name that the client asked for, if it is known.
    package let serverName: String?
    package let side: Side
    /// The subject of the certificate that was refused, cut to ``subjectLimit`` characters (TLS-54).
    package let peerSubject: String?

    /// How much of a stranger's subject is kept.
    package static let subjectLimit = 128

    package init(reason: Reason, words: String, serverName: String?, side: Side, peerSubject: String? = nil) {
        self.reason = reason
        self.words = words
        self.serverName = serverName
        self.side = side
        self.peerSubject = peerSubject.map { String($0.prefix(Self.subjectLimit)) }
    }

    package var description: String {
        let name = self.serverName.map { ", server name \($0)" } ?? ""
        let subject = self.peerSubject.map { ", certificate of \($0)" } ?? ""
        return "TLS failed as \(self.side.rawValue)\(name)\(subject): \(self.reason.rawValue): \(self.words)"
    }
}
