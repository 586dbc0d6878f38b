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
        /// The peer's certificate matches no TLSA record (RFC 6698 section 2.1).
        case daneMismatch = "dane_mismatch"
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

        /// The class in words, for those who read the log.
        package var words: String {
            switch self {
            case .handshakeDeadline: "the handshake took too long"
            case .closedDuringHandshake: "the peer left during the handshake"
            case .notTLS: "what the peer sends is not TLS"
            case .version: "no TLS version in common"
            case .parameters: "no cipher, group or signature in common"
            case .certificateMissing: "the peer showed no certificate, and one is required"
            case .certificateInvalid: "the peer's certificate is not valid"
            case .nameMismatch: "the peer's certificate is for another name"
            case .daneMismatch: "the peer's certificate matches no TLSA record"
            case .unknownServerName: "the client asked for a name that no certificate here serves"
            case .peerAlert: "the peer refused"
            case .protocolViolation: "the peer broke the TLS protocol"
            case .truncated: "the connection ended without a close_notify"
            case .library: "OpenSSL failed on this side"
            }
        }
    }

    /// The side that this process is.
    package enum Side: String, Sendable, Hashable {
        case server
        case client

        /// What the peer is.
        var opposite: Side { self == .server ? .client : .server }
    }

    package let reason: Reason
    /// What the library says, with the verification's result in words.
    package let words: String
    /// The server name that the client asked for, if it is known.
    package let serverName: String?
    package let side: Side
    /// The certificate that was refused (TLS-54).
    package let refused: RefusedCertificate?

    package init(
        reason: Reason,
        words: String,
        serverName: String?,
        side: Side,
        refused: RefusedCertificate? = nil
    ) {
        self.reason = reason
        self.words = words
        self.serverName = serverName
        self.side = side
        self.refused = refused
    }

    package var description: String {
        let name = self.serverName.map { ", server name \($0)" } ?? ""
        let subject = self.refused.map { ", certificate of \($0.subject)" } ?? ""
        return "TLS failed as \(self.side.rawValue)\(name)\(subject): \(self.reason.rawValue): \(self.words)"
    }
}
