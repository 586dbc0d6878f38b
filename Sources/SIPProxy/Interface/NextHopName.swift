// SPDX-License-Identifier: Apache-2.0

package import BackendPool
package import NIOCore
package import SIPMessage

/// A next hop that RFC 3263 must resolve.
package struct NextHopName: Sendable, Hashable {
    /// The name to look up: `maddr` where there is one, else the URI's host (LOC-04).
    package let host: String
    package let port: UInt16?
    package let transport: SIPTransport?
    package let isSecure: Bool
    /// The host of the URI, which a certificate must prove (RFC 5922 section 4).
    package let domain: String
    /// Whether a request within a dialog asks: then one server of it is meant (PRX-84).
    package var isInDialog = false

    package init(host: String, port: UInt16?, transport: SIPTransport?, isSecure: Bool, domain: String? = nil) {
        self.host = host
        self.port = port
        self.transport = transport
        self.isSecure = isSecure
        self.domain = domain ?? host
    }
}

/// What became of the question for a next hop's servers.
package enum ResolutionOutcome: Sendable {
    case resolved(NextHops)
    case failed
}

/// The servers that a named next hop has at present.
///
/// They are kept as a pool would be, so that both are drawn by the same rules (RFC 2782, RFC 7984).
package struct NextHops: Sendable {
    /// The number of the pool that is made for one request and belongs to no configuration.
    package static let transientPool = PoolID(index: .max)

    package let view: PoolView
    /// When the first record that they rest on expires (LOC-26); nil for never, and for stale ones that nothing renews.
    package let expiresAt: NIODeadline?

    package init(view: PoolView, expiresAt: NIODeadline?) {
        self.view = view
        self.expiresAt = expiresAt
    }
}

/// Why a next hop that a Route or a Request-URI names could not be used.
package enum NextHopFailure: Int, Sendable, Hashable, CaseIterable {
    /// Its transport parameter is none that is spoken here (LOC-12).
    case transport
    /// DNS gave no server for it.
    case unresolved
    /// DNS did not answer in time (LOC-62).
    case deadline
    /// The URI, or DNS, led only to addresses where this request may not go (LOC-72).
    case forbidden
    /// The URI is the address of a client, which only its Path leads to (FLW-37).
    case pathless
}
