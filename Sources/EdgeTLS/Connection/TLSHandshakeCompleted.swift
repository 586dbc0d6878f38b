// SPDX-License-Identifier: Apache-2.0

/// The user event that a ``TLSHandler`` fires once both sides agree and the peer is verified as far as the profile
/// asks.
package struct TLSHandshakeCompleted: Sendable, Hashable {
    package let version: TLSVersion
    /// The cipher suite's name as OpenSSL writes it.
    package let cipher: String
    /// The server name that the client asked for.
    package let serverName: String?
    /// Whether an earlier session was taken up again.
    package let resumed: Bool
    /// Whom the peer was verified to be; nil when it showed no certificate or the profile does not verify.
    package let peer: PeerIdentity?
    /// Whether a server did not ask for the certificate that we have; false where a session was resumed, which it may have
    /// asked for.
    package var isUnasked = false
}
