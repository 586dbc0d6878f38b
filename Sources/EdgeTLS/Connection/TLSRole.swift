// SPDX-License-Identifier: Apache-2.0

/// The side that a ``TLSHandler`` plays.
package enum TLSRole: Sendable, Hashable {
    case server
    /// - Parameters:
    ///   - serverName: what to ask for (RFC 6066 section 3): the reference domain. An address literal is not sent
    ///     (TLS-06).
    ///   - identity: the names that the backend must prove.
    ///   - sessionScope: sessions are taken up again only within one scope, such as the text of a backend's address.
    case client(serverName: String?, identity: PeerIdentityPolicy, sessionScope: String = "")

    var side: TLSFailure.Side {
        switch self {
        case .server: .server
        case .client: .client
        }
    }
}
